// What `stele check` says of a history: one verdict of the whole, as text or as JSON.
//
// V1. A problem of a scan and a row without an order are violations alike. Beside either, what was left
//     undecided does not matter: the history is refused for certain.
// V2. The last line of the text is the verdict.
import type { CheckFigures, Verdict } from "../check/linearizability.ts";
import { quotedName, rowName } from "../check/row-name.ts";
import { describeScanProblem, summarizeScanProblems } from "../check/scan-coverage.ts";
import type { ScanProblem } from "../check/scan-coverage.ts";
import { EXIT } from "./cli-error.ts";
import type { ExitCode } from "./cli-error.ts";
import { printText } from "./key-text.ts";

export interface CheckVerdict {
  readonly scanProblems: readonly ScanProblem[];
  readonly figures: CheckFigures;
  readonly tookMs: number;
  /** Of the smallest object without an order. */
  readonly violation: { readonly object: string; readonly explanation: string } | null;
  readonly undecided: { readonly object: string; readonly spent: "time" | "memory" } | null;
}

const SCAN_PROBLEMS_SHOWN = 20;

export function verdictKind({
  scanProblems,
  violation,
  undecided,
}: CheckVerdict): Verdict<never, never>["kind"] {
  if (scanProblems.length > 0 || violation !== null) return "violation";
  return undecided === null ? "linearizable" : "undecided";
}

export const VERDICT_EXIT: Readonly<Record<ReturnType<typeof verdictKind>, ExitCode>> = {
  linearizable: EXIT.ok,
  violation: EXIT.other,
  undecided: EXIT.deadline,
};

/** With what speaks against the history before it. Names and values come from the file. */
export function verdictText(verdict: CheckVerdict): string {
  const { scanProblems, violation } = verdict;
  const shown = scanProblems.slice(0, SCAN_PROBLEMS_SHOWN).map(describeScanProblem);
  if (scanProblems.length > shown.length) shown.push(`${scanProblems.length - shown.length} more`);
  const scans = shown.map((line) => `scan: ${line}\n`).join("");
  return printLines(`${scans}${violation?.explanation ?? ""}${verdictLine(verdict)}\n`);
}

/** Without a newline. */
export function verdictLine(verdict: CheckVerdict): string {
  const { scanProblems, violation, undecided } = verdict;
  const parts = [
    scanProblems.length === 0 ? null : summarizeScanProblems(scanProblems),
    violation === null ? null : `no order fits ${quotedName(violation.object)}`,
    undecided === null ? null : undecidedText(undecided),
  ].filter((part) => part !== null);
  const kind = verdictKind(verdict);
  const name = kind === "undecided" ? "undecided, which is no pass" : kind;
  return `${name}: ${[...parts, figuresText(verdict)].join("; ")}`;
}

function undecidedText({ object, spent }: NonNullable<CheckVerdict["undecided"]>): string {
  return `no ${spent} was left for ${quotedName(object)}`;
}

/** As docs/TESTING.md ("Histories") describes it. Keys and objects are spelled as on the command line. */
export function verdictJson(verdict: CheckVerdict): object {
  const { scanProblems, figures, tookMs, violation, undecided } = verdict;
  const first = scanProblems.slice(0, SCAN_PROBLEMS_SHOWN).map(({ kind, key, line, scan }) => ({
    kind,
    key: rowName(key),
    line,
    client: printText(scan.client),
  }));
  return {
    verdict: verdictKind(verdict),
    operations: figures.operations,
    objects: figures.partitions,
    steps: figures.entered,
    seconds: Math.round(tookMs) / 1000,
    scanProblems: { count: scanProblems.length, first },
    violation:
      violation === null ? null : { ...violation, explanation: printLines(violation.explanation) },
    undecided,
  };
}

function figuresText({ figures, tookMs }: CheckVerdict): string {
  const { operations, partitions, entered } = figures;
  const seconds = (tookMs / 1000).toFixed(2);
  return `operations ${operations}, objects ${partitions}, steps ${entered}, ${seconds} s`;
}

function printLines(text: string): string {
  return text.split("\n").map(printText).join("\n");
}
