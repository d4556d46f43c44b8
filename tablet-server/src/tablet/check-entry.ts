/**
 * Whether an entry of a tablet's data is what was written, whatever kind of record it is. Readers check what they read;
 * this is for whoever passes data on as it is: snapshots and hashes.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { DamagedReplicaError } from "@stele/shared/replication/state-machine.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { splitRelativeKey } from "../storage/key-layout.ts";
import { openRowRecord } from "../storage/row-record.ts";
import { decodeIdempotencyRecord } from "./idempotency.ts";
import { decodeRetryRecord } from "./retry-record.ts";

/** Throws `DamagedReplicaError`. */
export function checkEntry(relativeKey: Buffer, value: Buffer): void {
  try {
    check(relativeKey, value);
  } catch (error) {
    if (error instanceof CorruptRecordError || error instanceof MalformedFrameError) {
      throw new DamagedReplicaError(error.message, { cause: error });
    }
    throw error;
  }
}

function check(relativeKey: Buffer, value: Buffer): void {
  const parts = splitRelativeKey(relativeKey);
  switch (parts.kind) {
    case "row":
      openRowRecord(parts.rowKey, value);
      return;
    case "idempotency":
      decodeIdempotencyRecord(parts.rowKey, parts.idempotencyKey, value);
      return;
    case "retries":
      decodeRetryRecord(value);
      return;
    default:
      unreachable(parts);
  }
}
