/**
 * Whether a history violates linearizability for certain, by arguments so simple that they need no search.
 * It finds only some violations; those it finds, the checker must find.
 *
 * V1. A read shows a version below that of a write acknowledged before the read began.
 * V2. A read shows no row, although a write was acknowledged before it began and every delete (or whatever
 *     else might have removed the row) was acknowledged before the first attempt of that write began.
 * V3. A counter shows more than all increments that were called before the answer.
 */
import type { OneRowOperation, RecordedOperation } from "../history/row-operation.ts";
import { counterOf } from "./naive-table.ts";

export function isCertainViolation(history: readonly RecordedOperation[]): boolean {
  const onRows = history.filter(({ operation }) => operation.kind !== "scan") as OneRowOperation[];
  return [...Map.groupBy(onRows, ({ operation }) => operation.key).values()].some(
    (row) => showsOlderState(row) || countsTooMuch(row),
  );
}

function showsOlderState(row: readonly OneRowOperation[]): boolean {
  const deletes = row.filter((operation) => mayDelete(operation));
  return row.some((read) => {
    if (read.outcome?.output.kind !== "read") return false;
    const shown = read.outcome.output.row;
    return row.some((write) => {
      const { outcome } = write;
      if (outcome?.output.kind !== "written" || outcome.at >= read.call) return false;
      const { version } = outcome.output;
      if (version === null) return false;
      if (shown !== null) return shown.version < version;
      const firstCall = Math.min(...attemptsOf(write, row).map(({ call }) => call));
      return deletes.every((other) => (other.outcome?.at ?? Infinity) < firstCall);
    });
  });
}

function attemptsOf(
  write: OneRowOperation,
  row: readonly OneRowOperation[],
): readonly OneRowOperation[] {
  return write.request === null ? [write] : row.filter(({ request }) => request === write.request);
}

function mayDelete({ operation }: OneRowOperation): boolean {
  return (
    operation.kind === "write" && operation.mutations.every(({ kind }) => kind === "delete-row")
  );
}

function countsTooMuch(row: readonly OneRowOperation[]): boolean {
  const attempts = row.filter(
    ({ operation }) =>
      operation.kind === "write" && operation.mutations.some(({ kind }) => kind === "increment"),
  );
  return row.some(({ outcome }) => {
    const columns =
      outcome?.output.kind === "read"
        ? outcome.output.row?.columns
        : outcome?.output.kind === "written"
          ? outcome.output.computed
          : null;
    const shown = counterOf(columns, "d:n");
    const called = attempts.filter(({ call }) => call < (outcome?.at ?? 0));
    const requests = new Set(called.map(({ request }, at) => request ?? at));
    return shown > requests.size;
  });
}
