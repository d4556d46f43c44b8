/**
 * Data of a replica that was destroyed when nobody knew which ranges were its own: its record in the store was damaged.
 * A mark says that there may be some; the next start finds it, as what is in no replica's ranges and on no garbage list.
 *
 * U1. It is looked for only where the mark is, since looking walks over what was deleted lately.
 * U2. REQUIRES of who looks: every replica that is here knows its ranges, or its data would be taken for such data.
 */
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import { MACHINE_KEYS, UNLISTED_KEY } from "./host-keys.ts";
import { sealValue } from "./sealed-value.ts";
import type { KeyRange } from "./state-machine.ts";

export const MARK_UNLISTED: StoreOperation = {
  type: "put",
  key: UNLISTED_KEY,
  value: sealValue(UNLISTED_KEY, Buffer.alloc(0)),
};

export const CLEAR_UNLISTED: StoreOperation = { type: "del", key: UNLISTED_KEY };

/** Ranges with keys of machines, outside of all that are listed. */
export async function findUnlisted(
  store: CheckpointStore,
  listed: readonly KeyRange[],
): Promise<KeyRange[]> {
  const found: KeyRange[] = [];
  for (const gap of gapsBetween(listed)) if (await hasKeys(store, gap)) found.push(gap);
  return found;
}

function gapsBetween(ranges: readonly KeyRange[]): KeyRange[] {
  const gaps: KeyRange[] = [];
  let start: Buffer = MACHINE_KEYS.start;
  for (const range of ranges.toSorted((a, b) => a.start.compare(b.start))) {
    if (start.compare(range.start) < 0) gaps.push({ start, end: range.start });
    if (start.compare(range.end) < 0) start = range.end;
  }
  const { end } = MACHINE_KEYS;
  return start.compare(end) < 0 ? [...gaps, { start, end }] : gaps;
}

async function hasKeys(store: CheckpointStore, range: KeyRange): Promise<boolean> {
  const iterator = store.iterate({ ...range, reverse: false });
  try {
    return (await iterator.next(1, 1)).length > 0;
  } finally {
    await iterator.close();
  }
}
