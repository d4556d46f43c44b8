/**
 * Turns one request to write a row into its effect (docs/REST_API.md; docs/ARCHITECTURE.md, "A write"). Pure:
 * the leader calls it under the row's latch, with the row as the entries before leave it.
 *
 * Order: what is wrong with the write itself, conditions, predicate, mutations one by one, limits. A
 * refused write has no effect, an unchanged one has nothing to log and makes no new version.
 */
import { assert } from "@stele/shared/assert.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { RowWrite, WriteResult } from "@stele/shared/row-operations.ts";
import { MAX_ROW_BYTES } from "@stele/shared/row.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { encodeRowRecord, rowRecordSize } from "../storage/row-record.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { invalidWrite } from "./check-write.ts";
import { violatedCondition } from "./conditions.ts";
import type { CellChange, RowEffect } from "./effects.ts";
import { MutationRun } from "./mutate.ts";
import { holds } from "./predicate.ts";
import { rowTooLarge, writeTooLarge } from "./refusals.ts";
import { familiesOf } from "./schema-families.ts";

export type Evaluation =
  | {
      readonly kind: "applied";
      /** The row after the write; null: no cell is left. */
      readonly next: StoredRow | null;
      readonly effect: RowEffect;
      readonly result: WriteResult;
    }
  | { readonly kind: "unchanged"; readonly result: WriteResult }
  | { readonly kind: "refused"; readonly error: DatabaseErrorBody };

/** Records up to this size are logged whole, whatever changed in them. */
const WHOLE_RECORD_BYTES = 4096;
/** Below the 16 MiB of an entry, so that every write fits one, its stored results included. */
export const MAX_WRITE_LOG_BYTES = 15 * 1024 * 1024;
const CHANGE_BYTES = 24;

/**
 * @param current the row before the write; null: no row
 * @param version the version that the row gets if it changes: above every version of this tablet so far
 */
export function evaluateWrite(
  current: StoredRow | null,
  write: RowWrite,
  version: Version,
  schema: TableSchema,
): Evaluation {
  assert(current === null || current.version < version, "versions of a row increase");
  const families = familiesOf(schema);
  const error =
    invalidWrite(write, families) ?? violatedCondition(write.conditions, current?.version ?? null);
  if (error !== null) return { kind: "refused", error };

  const matched = write.predicate === null || holds(write.predicate, current, families);
  const run = new MutationRun(current, version, families);
  for (const mutation of matched ? write.mutations : write.otherwise) {
    const refused = run.step(mutation);
    if (refused !== null) return { kind: "refused", error: refused };
  }
  return conclude(current, write, version, run, matched);
}

function conclude(
  current: StoredRow | null,
  write: RowWrite,
  version: Version,
  run: MutationRun,
  matched: boolean,
): Evaluation {
  const next = run.changes.length === 0 ? current : run.draft.finish(version);
  const computed = run.computed;
  const result: WriteResult = {
    version: next?.version ?? null,
    createdRow: current === null && next !== null,
    createdColumn: run.createdColumn,
    matched,
    computed,
    replayed: false,
  };
  if (next === current) return { kind: "unchanged", result };
  if (next === null) {
    return { kind: "applied", next, effect: { kind: "delete-row", key: write.key }, result };
  }

  const size = rowRecordSize(next);
  if (size > MAX_ROW_BYTES) return { kind: "refused", error: rowTooLarge(size) };
  const changesSize = sizeOfChanges(run.changes);
  const logged = Math.min(size, changesSize) + resultCopies(write) * sizeOfComputed(computed);
  if (logged > MAX_WRITE_LOG_BYTES) {
    return { kind: "refused", error: writeTooLarge(logged, MAX_WRITE_LOG_BYTES) };
  }
  const effect: RowEffect =
    size <= Math.max(WHOLE_RECORD_BYTES, changesSize)
      ? { kind: "put-row", key: write.key, record: encodeRowRecord(write.key, next, size) }
      : { kind: "change-row", key: write.key, version, changes: run.changes };
  return { kind: "applied", next, effect, result };
}

/** The result is logged for the front-end's retries, and for the user's if there is a key. */
function resultCopies(write: RowWrite): number {
  return write.idempotency === null ? 1 : 2;
}

function sizeOfChanges(changes: readonly CellChange[]): number {
  let size = 0;
  for (const change of changes) {
    size += CHANGE_BYTES;
    if ("qualifier" in change) size += change.qualifier.length;
    if ("value" in change) size += change.value.length;
  }
  return size;
}

function sizeOfComputed(computed: WriteResult["computed"]): number {
  let size = 0;
  for (const { column, value } of computed) {
    size += CHANGE_BYTES + column.qualifier.length + value.length;
  }
  return size;
}
