/**
 * A row that evaluates attempts of requests as docs/REST_API.md says, and trying every order of a few of them:
 * what attempts of a request mean, without any of the checker's ways to merge them.
 */
import { isDeepStrictEqual } from "node:util";
import type {
  Columns,
  GetOperation,
  OneRowOperation,
  RowOutcome,
  WriteOperation,
} from "../history/row-operation.ts";

export interface NaiveRow {
  /** None: there is no row. */
  readonly columns: Columns;
  /** The last that was given. */
  readonly version: number;
  /** By request: the version that its effect left, null for no row. */
  readonly stored: ReadonlyMap<string, number | null>;
}

export const NAIVE_ROW: NaiveRow = { columns: new Map(), version: 0, stored: new Map() };

interface Evaluation {
  readonly row: NaiveRow;
  readonly output: RowOutcome;
}

/** @param next the version of the row if the operation changes it */
export function evaluateAttempt(
  row: NaiveRow,
  operation: GetOperation | WriteOperation,
  request: string | null,
  next: number,
): Evaluation {
  const version = row.columns.size === 0 ? null : row.version;
  if (operation.kind === "get") {
    const shown = version === null ? null : { version, columns: row.columns };
    return { row, output: { kind: "read", row: shown } };
  }
  const done = (told: number | null): RowOutcome => ({
    kind: "written",
    version: told,
    matched: true,
    computed: null,
  });
  const stored = request === null ? undefined : row.stored.get(request);
  if (stored !== undefined) return { row, output: done(stored) };
  const { expected, mutations } = operation;
  const wanted = expected.kind === "version" ? expected.version : null;
  if (expected.kind !== "anything" && version !== wanted) {
    return { row, output: { kind: "failed", code: "VERSION_MISMATCH", version } };
  }
  const columns = new Map(row.columns);
  for (const mutation of mutations) {
    if (mutation.kind === "set") columns.set(mutation.column, mutation.value);
    else if (mutation.kind === "delete") columns.delete(mutation.column);
    else columns.clear();
  }
  const sets = mutations.some(({ kind }) => kind === "set");
  if (!sets && columns.size === row.columns.size) return { row, output: done(version) };
  const left = columns.size === 0 ? null : next;
  const kept = request === null ? row.stored : new Map([...row.stored, [request, left]]);
  const after = { columns, version: left ?? row.version, stored: kept };
  return { row: after, output: done(left) };
}

/** @param versionMax no effect without an answer has a version above it */
export function isExplainedByRequests(
  attempts: readonly OneRowOperation[],
  versionMax: number,
): boolean {
  const search = (row: NaiveRow, left: readonly OneRowOperation[]): boolean => {
    if (left.every(({ outcome }) => outcome === null)) return true;
    const firstReturn = Math.min(...left.map(({ outcome }) => outcome?.at ?? Infinity));
    return left.some((attempt) => {
      if (attempt.call > firstReturn) return false;
      const rest = left.filter((other) => other !== attempt);
      return nextVersions(row, attempt, versionMax).some((next) => {
        const { operation, outcome, request } = attempt;
        const { row: after, output } = evaluateAttempt(row, operation, request, next);
        if (outcome === null ? after === row : !isDeepStrictEqual(output, outcome.output))
          return false;
        return search(after, rest);
      });
    });
  };
  return search(NAIVE_ROW, attempts);
}

function nextVersions(row: NaiveRow, { outcome }: OneRowOperation, max: number): number[] {
  const from = row.version + 1;
  if (outcome === null) return Array.from({ length: max + 1 - from }, (_, at) => from + at);
  const told = outcome.output.kind === "written" ? outcome.output.version : null;
  return [told !== null && told >= from ? told : from];
}
