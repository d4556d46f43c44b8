/**
 * A replica that is damaged: what it voted for or acknowledged may be lost, so it neither votes nor serves ever
 * again. A tablet's is replaced by the master under a new replica id; a master's own, of the catalog, is not yet.
 * The mark is in the store, since the damage itself may be freed with its segment.
 */
import type { StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import { replicaId, type ReplicaId, type TabletId } from "../ids.ts";
import { suspectKey } from "./host-keys.ts";
import { openValue, sealValue } from "./sealed-value.ts";

export interface SuspectReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly reason: string;
  /**
   * Tells which data to delete with it, asked inside a turn on the store; null: none, or its records are
   * damaged themselves.
   */
  readonly machineState: Buffer | null;
}

export interface SuspectMark {
  readonly replicaId: ReplicaId;
  readonly reason: string;
}

export function suspectOperation(tablet: TabletId, mark: SuspectMark): StoreOperation {
  const key = suspectKey(tablet);
  const text = JSON.stringify({ replicaId: mark.replicaId, reason: mark.reason });
  return { type: "put", key, value: sealValue(key, Buffer.from(text)) };
}

export function decodeSuspect(key: Buffer, sealed: Buffer): SuspectMark {
  const raw = JSON.parse(openValue(key, sealed).toString()) as SuspectMark;
  return { replicaId: replicaId(raw.replicaId), reason: raw.reason };
}
