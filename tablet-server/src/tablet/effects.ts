/**
 * What a write does, as it is replicated: effects, not commands, so that applying an entry needs no
 * clock, no schema and no condition, and gives the same record on every replica.
 *
 * E1. Timestamps are absolute, families are numbers, and what a maximum of versions drops is stated.
 * E2. Applied to the record that a write was evaluated on, its effect gives exactly the record of its result.
 * E3. `put-row` needs no read; it is chosen for small records, and where the changes would be no shorter.
 */
import { unreachable } from "@stele/shared/assert.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { RowDraft } from "./row-draft.ts";

/** One step on a row's cells, in order. */
export type CellChange =
  | {
      readonly kind: "set";
      readonly family: number;
      readonly qualifier: Buffer;
      readonly timestamp: Version;
      readonly int64: boolean;
      readonly value: Buffer;
      /** Then the column keeps so many newest cells; null: all. */
      readonly keep: number | null;
    }
  | {
      /** Cells with `from` <= timestamp < `to`; null is unbounded. */
      readonly kind: "delete-column";
      readonly family: number;
      readonly qualifier: Buffer;
      readonly from: Version | null;
      readonly to: Version | null;
    }
  | { readonly kind: "delete-family"; readonly family: number }
  | { readonly kind: "delete-all" };

export type RowEffect =
  /** The record replaces whatever is there. */
  | { readonly kind: "put-row"; readonly key: Buffer; readonly record: Buffer }
  /** Cells change and the row gets `version`; at least one cell is left. */
  | {
      readonly kind: "change-row";
      readonly key: Buffer;
      readonly version: Version;
      readonly changes: readonly CellChange[];
    }
  | { readonly kind: "delete-row"; readonly key: Buffer };

/** The row after the changes; null: no cell is left. */
export function changedRow(
  current: StoredRow | null,
  { changes, version }: Extract<RowEffect, { kind: "change-row" }>,
): StoredRow | null {
  const draft = new RowDraft(current);
  for (const change of changes) applyChange(draft, change);
  return draft.finish(version);
}

/** Whether applying the effect needs the row's current record. */
export function readsCurrent(effect: RowEffect): boolean {
  return effect.kind === "change-row";
}

function applyChange(draft: RowDraft, change: CellChange): void {
  switch (change.kind) {
    case "set": {
      const { family, qualifier, timestamp, int64, value, keep } = change;
      return draft.set(family, qualifier, { timestamp, int64, value }, keep);
    }
    case "delete-column":
      draft.deleteColumn(change.family, change.qualifier, change.from, change.to);
      return undefined;
    case "delete-family":
      draft.deleteFamily(change.family);
      return undefined;
    case "delete-all":
      draft.deleteAll();
      return undefined;
    default:
      return unreachable(change);
  }
}
