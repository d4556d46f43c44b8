/** What became of the operations of a run, for its figures: every one is counted once. */
import { unreachable } from "@stele/shared/assert.ts";
import { ERROR_KINDS } from "@stele/shared/errors.ts";
import type { RecordedOperation } from "../check/history/row-operation.ts";

/** In the order in which they are told. Refused: by the state of the row or table. Failed: by that of the cluster. */
export const OPERATION_ENDS = [
  "writes acknowledged",
  "reads",
  "scans",
  "refused",
  "failed",
  "unknown",
] as const;

export type OperationEnd = (typeof OPERATION_ENDS)[number];

export type OperationCounts = ReadonlyMap<OperationEnd, number>;

export function countOperations(history: Iterable<RecordedOperation>): OperationCounts {
  const counts = new Map<OperationEnd, number>();
  for (const operation of history) {
    const end = endOf(operation);
    counts.set(end, (counts.get(end) ?? 0) + 1);
  }
  return counts;
}

/** `100 operations (70 writes acknowledged, 20 reads, ...)`; what is not there is left out. */
export function operationsText(counts: OperationCounts): string {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = OPERATION_ENDS.flatMap((end) => {
    const count = counts.get(end) ?? 0;
    return count === 0 ? [] : [`${count} ${end}`];
  });
  return `${total} operations${parts.length === 0 ? "" : ` (${parts.join(", ")})`}`;
}

function endOf({ outcome }: RecordedOperation): OperationEnd {
  if (outcome === null) return "unknown";
  const { output } = outcome;
  switch (output.kind) {
    case "written":
      return "writes acknowledged";
    case "read":
      return "reads";
    case "scanned":
      return "scans";
    case "failed": {
      const { status, retryable } = ERROR_KINDS[output.code];
      return status < 500 && !retryable ? "refused" : "failed";
    }
    default:
      return unreachable(output);
  }
}
