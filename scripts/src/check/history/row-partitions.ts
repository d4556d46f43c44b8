/**
 * The operations on each row of a recorded history, as the search takes them.
 *
 * P1. Each row that a scan gave is a read of that row during the scan. (Rows that it did not give are
 *     `scan-coverage.ts`'s.)
 * P2. What constrains nothing is left out: reads without an answer, and writes certainly without effect
 *     for a reason that is not the row's state.
 * P3. Attempts of one request take effect once (`request-attempts.ts`).
 * P4. Writes of one batch to one row keep their order. An operation with a request id has none beside it:
 *     any of its attempts may have taken effect.
 */
import type { Partition } from "../model.ts";
import { rowName } from "../row-name.ts";
import { mergeAttempts } from "./request-attempts.ts";
import type { MergedOperation } from "./request-attempts.ts";
import type {
  AttemptOperation,
  GetOperation,
  NumberedOperation,
  OneRowOperation,
  RecordedOperation,
  RowOutcome,
  WriteOperation,
} from "./row-operation.ts";

type Rows = Partition<GetOperation | WriteOperation | AttemptOperation, RowOutcome>;

/** Failures that say something of the row. */
const CODES_OF_STATE: ReadonlySet<string> = new Set([
  "VERSION_MISMATCH",
  "ROW_EXISTS",
  "NOT_A_NUMBER",
  "INT64_OVERFLOW",
]);

export function partitionRows(history: readonly RecordedOperation[]): Rows[] {
  const onOneRow = history
    .flatMap((recorded, at) => oneRowOperations(recorded, at + 1))
    .filter(saysSomething);
  const byKey = Map.groupBy(onOneRow, ({ operation }) => operation.key);
  return [...byKey].map(([key, recorded]) => partitionOf(key, recorded));
}

function partitionOf(key: string, recorded: readonly NumberedOperation[]): Rows {
  const { operations, order, contradictions } = mergeAttempts(recorded);
  return {
    name: rowName(key),
    operations: operations.map(({ client, lines, call, operation, outcome }) => ({
      client,
      lines,
      call,
      input: operation,
      outcome,
    })),
    order: [...order, ...batchOrder(operations)],
    contradictions,
  };
}

/** @param line where it stands, from 1 on: a history has one operation a line */
function oneRowOperations(recorded: RecordedOperation, line: number): NumberedOperation[] {
  const { operation, outcome } = recorded;
  const lines = [line];
  if (operation.kind !== "scan") return [{ ...recorded, operation, lines }];
  if (outcome?.output.kind !== "scanned") return [];
  const { at, output } = outcome;
  return output.rows.map(({ key, version, columns }) => ({
    ...recorded,
    lines,
    operation: { kind: "get", key, columns: columns === null ? [] : operation.columns },
    outcome: { at, output: { kind: "read", row: { version, columns: columns ?? new Map() } } },
  }));
}

function saysSomething({ operation, outcome }: OneRowOperation): boolean {
  if (operation.kind === "get") return outcome?.output.kind === "read";
  return outcome?.output.kind !== "failed" || CODES_OF_STATE.has(outcome.output.code);
}

/** Each with those behind it, up to and with the next that has an outcome: that one is surely placed. */
function batchOrder(operations: readonly MergedOperation[]): [number, number][] {
  const inBatches = operations.flatMap(({ batch, request, outcome }, at) =>
    batch === null || request !== null ? [] : [{ batch, at, isOpen: outcome === null }],
  );
  const pairs: [number, number][] = [];
  for (const members of Map.groupBy(inBatches, ({ batch }) => batch.id).values()) {
    const sorted = members.toSorted((a, b) => a.batch.index - b.batch.index);
    sorted.forEach(({ at }, place) => {
      for (const later of sorted.slice(place + 1)) {
        pairs.push([at, later.at]);
        if (!later.isOpen) break;
      }
    });
  }
  return pairs;
}
