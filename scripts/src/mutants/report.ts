/** The result of a run of mutants as a table and a line of figures. */
import { textTable } from "../cli/output/text-table.ts";
import type { MutantResult } from "./run-mutants.ts";

const HEADER = ["no.", "planted bug", "result", "seed", "checker", "seconds"] as const;
const NUMBERS = new Set([0, 3, 5]);

/** @param wanted how many were to be tried; more than there are results of when it was interrupted */
export function reportOf(results: readonly MutantResult[], wanted: number): string {
  const figures = `${figuresOf(results, wanted)}\n`;
  if (results.length === 0) return figures;
  return `${textTable(HEADER, results.map(rowOf), NUMBERS)}\n${figures}`;
}

function rowOf({ mutant, finding, seconds }: MutantResult): string[] {
  const number = mutant.number === null ? "" : String(mutant.number);
  const time = seconds.toFixed(1);
  return finding.kind === "caught"
    ? [number, mutant.name, "caught", String(finding.seed), finding.by, time]
    : [number, mutant.name, "SURVIVED", "", "", time];
}

function figuresOf(results: readonly MutantResult[], wanted: number): string {
  const caught = results.filter(({ finding }) => finding.kind === "caught").length;
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  const highest = results.reduce((seed, { finding }) => {
    return finding.kind === "caught" ? Math.max(seed, finding.seed) : seed;
  }, 0);
  const some = results.length < wanted ? `${results.length} of ` : "";
  const last = caught === 0 ? "" : `, the last of them at seed ${highest}`;
  return (
    `${some}${wanted} planted bugs: ${caught} caught${last}, ` +
    `${results.length - caught} survived; ${seconds.toFixed(0)} s`
  );
}
