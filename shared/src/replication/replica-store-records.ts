/** Reads everything that the host itself keeps in the store, at the start of a recovery. */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import { tabletId, type ReplicaId, type TabletId } from "../ids.ts";
import {
  APPLIED_STATE,
  COUNTERS_KEY,
  GARBAGE,
  hostKeyRange,
  LOG_STATE,
  numberOfHostKey,
  SUSPECT,
  TOMBSTONE,
  UNLISTED_KEY,
} from "./host-keys.ts";
import {
  decodeAppliedState,
  decodeLogState,
  type AppliedState,
  type LogState,
} from "./replica-records.ts";
import { DamagedValueError } from "./sealed-value.ts";
import { decodeCounters, decodeGarbage, SpaceLedger, type Garbage } from "./space-ledger.ts";
import { decodeSuspect, type SuspectMark } from "./suspect.ts";
import { decodeTombstone } from "./tombstone.ts";

export interface ReplicaStoreRecords {
  readonly applied: Map<TabletId, AppliedState>;
  readonly logs: Map<TabletId, LogState>;
  readonly tombstones: Map<TabletId, ReplicaId>;
  readonly ledger: SpaceLedger;
  readonly suspects: Map<TabletId, SuspectMark>;
  /** Tablets whose own records fail their checksum. */
  readonly damaged: Map<TabletId, string>;
  /** There is a mark of unlisted data. */
  readonly hasUnlisted: boolean;
}

/** Throws `DamagedValueError` where a record concerns the whole server: counters, tombstones, garbage. */
export async function readReplicaRecords(store: CheckpointStore): Promise<ReplicaStoreRecords> {
  const damaged = new Map<TabletId, string>();
  const applied = new Map<TabletId, AppliedState>();
  const logs = new Map<TabletId, LogState>();
  const tombstones = new Map<TabletId, ReplicaId>();
  for (const [key, value] of await readAll(store, APPLIED_STATE)) {
    const tablet = tabletId(numberOfHostKey(key));
    guard(damaged, tablet, () => applied.set(tablet, decodeAppliedState(key, value)));
  }
  for (const [key, value] of await readAll(store, LOG_STATE)) {
    const tablet = tabletId(numberOfHostKey(key));
    guard(damaged, tablet, () => logs.set(tablet, decodeLogState(key, value)));
  }
  for (const [key, value] of await readAll(store, TOMBSTONE)) {
    tombstones.set(tabletId(numberOfHostKey(key)), decodeTombstone(key, value));
  }
  const suspects = new Map<TabletId, SuspectMark>();
  for (const [key, value] of await readAll(store, SUSPECT)) {
    const tablet = tabletId(numberOfHostKey(key));
    guard(damaged, tablet, () => suspects.set(tablet, decodeSuspect(key, value)));
  }
  const garbage: Garbage[] = [];
  for (const [key, value] of await readAll(store, GARBAGE)) {
    garbage.push(decodeGarbage(numberOfHostKey(key), value));
  }
  const [counters, unlisted] = await store.getMany([COUNTERS_KEY, UNLISTED_KEY]);
  const known =
    counters === undefined ? { nextSpace: 1, nextGarbage: 1 } : decodeCounters(counters);
  const ledger = new SpaceLedger(known, garbage);
  const hasUnlisted = unlisted !== undefined;
  return { applied, logs, tombstones, suspects, damaged, ledger, hasUnlisted };
}

function guard(damaged: Map<TabletId, string>, tablet: TabletId, decode: () => void): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof DamagedValueError)) throw error;
    damaged.set(tablet, error.message);
  }
}

async function readAll(
  store: CheckpointStore,
  kind: number,
): Promise<(readonly [Buffer, Buffer])[]> {
  const iterator = store.iterate({ ...hostKeyRange(kind), reverse: false });
  const all: (readonly [Buffer, Buffer])[] = [];
  try {
    for (;;) {
      const found = await iterator.next(1000, 1024 * 1024);
      if (found.length === 0) return all;
      all.push(...found);
    }
  } finally {
    await iterator.close();
  }
}
