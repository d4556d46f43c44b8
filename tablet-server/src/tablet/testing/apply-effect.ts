/** One effect on one record, for tests of single writes. */
import { decodeRowRecord, encodeRowRecord } from "../../storage/row-record.ts";
import { changedRow, type RowEffect } from "../effects.ts";

/** The row's record after the effect; null: there is none any more. `current` undefined: there was none. */
export function applyEffect(current: Buffer | undefined, effect: RowEffect): Buffer | null {
  if (effect.kind === "put-row") return effect.record;
  if (effect.kind === "delete-row") return null;
  const { key } = effect;
  const row = changedRow(current === undefined ? null : decodeRowRecord(key, current), effect);
  return row === null ? null : encodeRowRecord(key, row);
}
