/**
 * The memory of a destroyed replica: this server never hosts the tablet again under that replica id or a lower
 * one, however late a message or a step arrives (CockroachDB RFC 20150729, replica tombstones).
 */
import type { StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import { replicaId, type ReplicaId, type TabletId } from "../ids.ts";
import { tombstoneKey } from "./host-keys.ts";
import { openValue, sealValue } from "./sealed-value.ts";

export function tombstoneOperation(tablet: TabletId, replica: ReplicaId): StoreOperation {
  const key = tombstoneKey(tablet);
  const value = Buffer.allocUnsafe(8);
  value.writeBigUInt64LE(BigInt(replica));
  return { type: "put", key, value: sealValue(key, value) };
}

export function decodeTombstone(key: Buffer, sealed: Buffer): ReplicaId {
  return replicaId(Number(openValue(key, sealed).readBigUInt64LE(0)));
}
