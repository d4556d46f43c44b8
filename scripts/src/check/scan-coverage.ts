/**
 * What every scan must show, although it is no snapshot: each row that surely existed all the while, once,
 * in byte order, and nothing that nobody wrote.
 *
 * V1. A row surely exists during a scan if somebody saw or made it before the scan began, and whatever may
 *     remove it was either over before that, or called after the scan.
 * V2. Only the part of its range that the scan says to have read counts (`resume`).
 * V3. A scan of some columns leaves out rows that have none of them: of those nothing is said to be missing.
 * V4. The table is empty when the history begins. What a scanned row holds is the row model's business.
 */
import { counted } from "../cli/counted.ts";
import type {
  OneRowOperation,
  RecordedOperation,
  RowMutation,
  ScannedOutcome,
  ScanOperation,
} from "./history/row-operation.ts";
import { RowLifetimes } from "./row-lifetimes.ts";
import { quotedName, rowName } from "./row-name.ts";

export interface ScanProblem {
  readonly kind: "missing" | "repeated" | "out-of-order" | "out-of-range" | "never-written";
  readonly key: string;
  readonly scan: RecordedOperation;
  /** Of the scan in the history, from 1 on. */
  readonly line: number;
}

/** How a number of rows with such a problem is told. */
const PROBLEM_TEXTS: Readonly<Record<ScanProblem["kind"], string>> = {
  missing: "missing from scans",
  repeated: "repeated in scans",
  "out-of-order": "out of order in scans",
  "out-of-range": "out of the range of scans",
  "never-written": "in scans though never written",
};

interface Scan {
  readonly recorded: RecordedOperation;
  readonly line: number;
  readonly operation: ScanOperation;
  readonly rows: ScannedOutcome["rows"];
  readonly returned: number;
  /** Inclusive; null: open. */
  readonly from: string | null;
  /** Exclusive; null: open. */
  readonly to: string | null;
}

export function scanProblems(history: readonly RecordedOperation[]): ScanProblem[] {
  const scans = history.flatMap(scanOf);
  const lifetimes = new RowLifetimes();
  const firstCalls = firstCallsOfRequests(history);
  for (const recorded of history) noteLifetime(lifetimes, recorded, firstCalls);
  for (const { recorded, rows, returned } of scans) {
    for (const { key } of rows) lifetimes.exists(key, { call: recorded.call, returned });
  }
  const keys = lifetimes.keys().toSorted();
  return scans.flatMap((scan) => [
    ...rowProblems(scan, lifetimes),
    ...missingRows(scan, keys, lifetimes),
  ]);
}

function rowProblems(scan: Scan, lifetimes: RowLifetimes): ScanProblem[] {
  const problems: ScanProblem[] = [];
  const seen = new Set<string>();
  let before: string | null = null;
  for (const { key } of scan.rows) {
    const note = (kind: ScanProblem["kind"]): void => {
      problems.push({ kind, key, scan: scan.recorded, line: scan.line });
    };
    if (seen.has(key)) note("repeated");
    else if (before !== null && (scan.operation.reverse ? key > before : key < before)) {
      note("out-of-order");
    }
    if (!covers(scan, key)) note("out-of-range");
    if (!lifetimes.mayHaveExisted(key, scan.returned)) note("never-written");
    seen.add(key);
    before = key;
  }
  return problems;
}

function missingRows(scan: Scan, keys: readonly string[], lifetimes: RowLifetimes): ScanProblem[] {
  if (scan.operation.columns !== null) return [];
  const shown = new Set(scan.rows.map(({ key }) => key));
  const during = { call: scan.recorded.call, returned: scan.returned };
  return keys
    .filter((key) => covers(scan, key) && !shown.has(key))
    .filter((key) => lifetimes.surelyExisted(key, during))
    .map((key) => ({ kind: "missing", key, scan: scan.recorded, line: scan.line }));
}

function covers({ from, to }: Scan, key: string): boolean {
  return (from === null || key >= from) && (to === null || key < to);
}

function scanOf(recorded: RecordedOperation, at: number): Scan[] {
  const { operation, outcome } = recorded;
  if (operation.kind !== "scan" || outcome?.output.kind !== "scanned") return [];
  const { rows, resume } = outcome.output;
  const from = operation.reverse ? (resume ?? operation.start) : operation.start;
  const to = operation.reverse ? operation.end : (resume ?? operation.end);
  return [{ recorded, line: at + 1, operation, rows, returned: outcome.at, from, to }];
}

function noteLifetime(
  lifetimes: RowLifetimes,
  recorded: RecordedOperation,
  firstCalls: ReadonlyMap<string, number>,
): void {
  const { operation, outcome } = recorded;
  if (operation.kind === "scan") return;
  const output = outcome?.output;
  const call = firstCalls.get(requestName(recorded)) ?? recorded.call;
  const time = { call, returned: outcome?.at ?? Infinity };
  if (operation.kind === "write" && output?.kind !== "failed") {
    lifetimes.written(operation.key, call);
    const isDone = output?.kind !== "written" || output.matched;
    if (isDone && mayRemove(operation.mutations)) lifetimes.mayBeRemoved(operation.key, time);
  }
  if (showsRow(recorded)) lifetimes.exists(operation.key, time);
}

/** After it, or where it failed, there is a row. */
function showsRow({ outcome }: RecordedOperation): boolean {
  const output = outcome?.output;
  if (output?.kind === "read") return output.row !== null;
  return (output?.kind === "written" || output?.kind === "failed") && output.version !== null;
}

function mayRemove(mutations: readonly RowMutation[]): boolean {
  return mutations.at(-1)?.kind.startsWith("delete") ?? false;
}

/** An attempt may be answered with what an earlier one did. */
function firstCallsOfRequests(history: readonly RecordedOperation[]): Map<string, number> {
  const calls = new Map<string, number>();
  for (const recorded of history) {
    if (recorded.request === null) continue;
    const name = requestName(recorded);
    calls.set(name, Math.min(calls.get(name) ?? Infinity, recorded.call));
  }
  return calls;
}

function requestName({ operation, request }: RecordedOperation): string {
  const { key } = operation as OneRowOperation["operation"];
  return request === null ? "" : `${key} ${request}`;
}

export function describeScanProblem({ kind, key, scan, line }: ScanProblem): string {
  const { call, client, outcome } = scan;
  const span = `from ${call} to ${outcome?.at ?? "?"}`;
  return `${kind} ${quotedName(rowName(key))} in the scan of ${client} ${span} (line ${line})`;
}

/** Such as `2 rows missing from scans`: a row counts once for each kind, however many scans had it. */
export function summarizeScanProblems(problems: readonly ScanProblem[]): string {
  return [...Map.groupBy(problems, ({ kind }) => kind)]
    .map(([kind, found]) => {
      const rows = new Set(found.map(({ key }) => key)).size;
      return `${counted(rows, "row")} ${PROBLEM_TEXTS[kind]}`;
    })
    .join(", ");
}
