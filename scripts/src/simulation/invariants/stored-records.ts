/** The host's own records in one version of a simulated store, read in place. Throws `DamagedValueError`. */
import type { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import { tabletId, type ReplicaId, type TabletId } from "@stele/shared/ids.ts";
import {
  APPLIED_STATE,
  appliedStateKey,
  hostKeyRange,
  logStateKey,
  numberOfHostKey,
  suspectKey,
  tombstoneKey,
} from "@stele/shared/replication/host-keys.ts";
import {
  decodeAppliedState,
  decodeLogState,
  type AppliedState,
  type LogState,
} from "@stele/shared/replication/replica-records.ts";
import { decodeSuspect } from "@stele/shared/replication/suspect.ts";
import { decodeTombstone } from "@stele/shared/replication/tombstone.ts";

export class StoredRecords {
  readonly #tree: OrderedTree;

  constructor(tree: OrderedTree) {
    this.#tree = tree;
  }

  appliedState(tablet: TabletId): AppliedState | null {
    return this.#read(appliedStateKey(tablet), decodeAppliedState);
  }

  logState(tablet: TabletId): LogState | null {
    return this.#read(logStateKey(tablet), decodeLogState);
  }

  /** Replicas up to this one may never come back. */
  buried(tablet: TabletId): ReplicaId | null {
    return this.#read(tombstoneKey(tablet), decodeTombstone);
  }

  suspect(tablet: TabletId): ReplicaId | null {
    return this.#read(suspectKey(tablet), decodeSuspect)?.replicaId ?? null;
  }

  /** By tablet, ascending: its applied state as it is stored. */
  appliedStates(): [TabletId, Buffer][] {
    const states: [TabletId, Buffer][] = [];
    this.#tree.scan({ ...hostKeyRange(APPLIED_STATE), reverse: false }, (key, sealed) => {
      states.push([tabletId(numberOfHostKey(key)), sealed]);
      return true;
    });
    return states;
  }

  #read<T>(key: Buffer, decode: (key: Buffer, sealed: Buffer) => T): T | null {
    const sealed = this.#tree.get(key);
    return sealed === undefined ? null : decode(key, sealed);
  }
}
