/** In what two runs of the same request differ, which none may. */
import type { RunReport } from "../run-report.ts";

/** Names and values of what differs; null: nothing. */
export function reportDifference(first: RunReport, second: RunReport): string | null {
  const [one, other] = [textsOf(first), textsOf(second)];
  const names = [...new Set([...one.keys(), ...other.keys()])];
  const differing = names.filter((name) => one.get(name) !== other.get(name));
  if (differing.length === 0) return null;
  return differing.map((name) => `${name} ${one.get(name)}, then ${other.get(name)}`).join("; ");
}

/** By name, each part of the report as JSON; marks and options one by one. */
function textsOf({ marks, options, ...parts }: RunReport): Map<string, string> {
  const counts = [...marks].map(([name, count]) => [`mark ${name}`, count] as const);
  const drawn = Object.entries(options).map(([name, value]) => [`option ${name}`, value] as const);
  const all = [...Object.entries(parts), ...drawn, ...counts];
  return new Map(all.map(([name, value]) => [name, JSON.stringify(value)]));
}
