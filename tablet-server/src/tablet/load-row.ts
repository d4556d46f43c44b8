/** What evaluating a write needs from the store: the row, and an idempotency record beside it. */
import type { StoreReadError } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { idempotencyStoreKey, rowStoreKey } from "../storage/key-layout.ts";
import { decodeRowRecord } from "../storage/row-record.ts";
import { decodeIdempotencyRecord } from "./idempotency.ts";
import type { RowLoader } from "./row-loader.ts";
import { spaceOf, type TabletState } from "./tablet-state.ts";
import type { LoadedRow } from "./tablet-writes.ts";

/** Calls either `loaded`, or `damaged` when a record cannot be read or fails its checksum. */
export function loadRowForWrite(
  loader: RowLoader,
  state: TabletState,
  key: Buffer,
  idempotencyKey: string | null,
  loaded: (row: LoadedRow) => void,
  damaged: (error: CorruptRecordError | StoreReadError) => void,
): void {
  const space = spaceOf(state, key);
  const keys = [rowStoreKey(space, key)];
  if (idempotencyKey !== null) keys.push(idempotencyStoreKey(space, key, idempotencyKey));
  const decoded = ([record, stored]: readonly (Buffer | undefined)[]): void => {
    let result: LoadedRow;
    try {
      result = {
        row: record === undefined ? null : decodeRowRecord(key, record),
        recordBytes: record?.length ?? 0,
        idempotency:
          stored === undefined || idempotencyKey === null
            ? null
            : decodeIdempotencyRecord(key, idempotencyKey, stored),
      };
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error;
      damaged(error);
      return;
    }
    loaded(result);
  };
  loader.want(keys, decoded, damaged);
}
