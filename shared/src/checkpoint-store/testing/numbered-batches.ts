/**
 * Batches for crash tests: the content of batch n follows from n alone, so that a store can be told to
 * hold exactly the first n batches, whatever n a crash left.
 */
import type { CheckpointStore, StoreEntry, StoreOperation } from "../checkpoint-store.ts";

const APPLIED = Buffer.from("applied");
const ROWS = 211;
const OPERATIONS = 12;

/** Puts and deletions of rows that other batches touch as well, and the number itself; n >= 1. */
export function batchNumber(number: number): StoreOperation[] {
  const batch: StoreOperation[] = [];
  for (let at = 0; at < OPERATIONS; at++) {
    const key = Buffer.from(`row ${String((number * 31 + at * 7) % ROWS).padStart(3, "0")}`);
    if ((number + at) % 5 === 0) batch.push({ type: "del", key });
    else batch.push({ type: "put", key, value: rowValue(number, at) });
  }
  batch.push({ type: "put", key: APPLIED, value: Buffer.from(String(number)) });
  return batch;
}

function rowValue(number: number, at: number): Buffer {
  return Buffer.from(
    `batch ${number} operation ${at} `.padEnd(40 + ((number * 13 + at) % 160), "."),
  );
}

export async function readAll(store: CheckpointStore): Promise<StoreEntry[]> {
  const range = { start: Buffer.from("a"), end: Buffer.from("z"), reverse: false };
  const iterator = store.iterate(range);
  const entries: StoreEntry[] = [];
  for (;;) {
    const chunk = await iterator.next(1000, 1 << 20);
    if (chunk.length === 0) break;
    entries.push(...chunk);
  }
  await iterator.close();
  return entries;
}

export type PrefixCheck =
  | { readonly kind: "prefix"; readonly batches: number }
  | { readonly kind: "hole"; readonly detail: string };

/** Whether `entries` is what the first n batches leave behind, for the n that they name themselves. */
export function isPrefix(entries: readonly StoreEntry[]): PrefixCheck {
  const found = new Map(entries.map(([key, value]) => [key.toString(), value.toString()]));
  const batches = Number(found.get(APPLIED.toString()) ?? 0);
  const expected = stateAfter(batches);
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    if (found.get(key) === expected.get(key)) continue;
    const detail = `${key} holds ${found.get(key)} instead of ${expected.get(key)} after ${batches}`;
    return { kind: "hole", detail };
  }
  return { kind: "prefix", batches };
}

/** Rows are touched again within ROWS batches, so older ones leave nothing behind. */
function stateAfter(batches: number): Map<string, string> {
  const state = new Map<string, string>();
  for (let number = Math.max(1, batches - 2 * ROWS); number <= batches; number++) {
    for (const operation of batchNumber(number)) {
      const key = operation.key.toString();
      if (operation.type === "put") state.set(key, operation.value.toString());
      else state.delete(key);
    }
  }
  return state;
}
