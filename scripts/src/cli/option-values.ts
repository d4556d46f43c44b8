// Parsers of option values. Each throws commander's own error, which names the option.
import { InvalidArgumentError } from "commander";

const COUNT_MAX = 999_999_999_999_999;

export function parseCount(text: string): number {
  return parseWhole(text, 0);
}

export function parseAtLeast(least: number): (text: string) => number {
  return (text) => {
    const count = parseWhole(text, least);
    if (count < least) throw new InvalidArgumentError(`It must be at least ${least}.`);
    return count;
  };
}

/** `least` is for the message alone. */
function parseWhole(text: string, least: number): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`It must be a whole number from ${least} to ${COUNT_MAX}.`);
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new InvalidArgumentError("It must be a port number.");
  return port;
}

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** To milliseconds. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new InvalidArgumentError("It must be a duration such as 500ms, 5s, 2m or 1h.");
  }
  return Number(digits) * unitsMs[unit as keyof typeof unitsMs];
}

export function parseVersions(text: string): number | "all" {
  if (text === "all") return "all";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be all, or a whole number from 1 on.");
}

export function parseVersion(text: string): string {
  if (!/^\d{1,16}$/.test(text)) {
    throw new InvalidArgumentError("It must be a version or timestamp: microseconds since 1970.");
  }
  return text;
}

/** Comma-separated, and may be given several times. A comma in a qualifier is `\x2C`. */
export function parseColumns(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(",").filter((column) => column !== "")];
}

export function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}
