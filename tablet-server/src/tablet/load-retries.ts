/** Rebuilds a tablet's retry table from its state and the records beside its rows. */
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex } from "@stele/shared/ids.ts";
import { indexOfRetryStoreKey, retryBounds } from "../storage/key-layout.ts";
import { RetryTable } from "./retry-ids.ts";
import { firstSpace, type TabletState } from "./tablet-state.ts";

const STEP_RECORDS = 500;
const STEP_BYTES = 1024 * 1024;

/** REQUIRES: nothing of the tablet is being applied. Throws `MalformedFrameError` for damaged records. */
export async function loadRetries(store: CheckpointStore, state: TabletState): Promise<RetryTable> {
  const records: (readonly [LogIndex, Buffer])[] = [];
  const bounds = retryBounds(firstSpace(state), state.tabletId);
  const iterator = store.iterate({ ...bounds, reverse: false });
  try {
    for (;;) {
      const found = await iterator.next(STEP_RECORDS, STEP_BYTES);
      if (found.length === 0) break;
      for (const [key, value] of found) records.push([indexOfRetryStoreKey(key), value]);
    }
  } finally {
    await iterator.close();
  }
  return RetryTable.restore(state.boots, records);
}
