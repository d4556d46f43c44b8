/** Rebuilds a tablet's retry table from its state and the records beside its rows. */
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import {
  StoreReadError,
  type CheckpointStore,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex } from "@stele/shared/ids.ts";
import { DamagedReplicaError } from "@stele/shared/replication/state-machine.ts";
import { indexOfRetryStoreKey, retryBounds } from "../storage/key-layout.ts";
import { RetryTable } from "./retry-table.ts";
import { firstSpace, type TabletState } from "./tablet-state.ts";

const STEP_RECORDS = 500;
const STEP_BYTES = 1024 * 1024;

/** REQUIRES: nothing of the tablet is being applied. Throws `DamagedReplicaError`. */
export async function loadRetries(
  store: CheckpointStore,
  state: TabletState,
  ttlMs: number,
): Promise<RetryTable> {
  try {
    return RetryTable.restore(state.retrySequences, await readRecords(store, state), ttlMs);
  } catch (error) {
    if (!(error instanceof MalformedFrameError || error instanceof StoreReadError)) throw error;
    throw new DamagedReplicaError(`retry records: ${error.message}`, { cause: error });
  }
}

async function readRecords(
  store: CheckpointStore,
  state: TabletState,
): Promise<(readonly [LogIndex, Buffer])[]> {
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
  return records;
}
