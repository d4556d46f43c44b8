/**
 * What the commit log remembers, one record per fact, for all replicas of a server. The binary form
 * is in `record-codec.ts`.
 *
 * Replaying all records in order over the state of the last proven checkpoint rebuilds every replica.
 */
import type { LogIndex, ReplicaId, TabletId } from "../ids.ts";
import type { Entry } from "../raft/messages.ts";
import type { HardState } from "../raft/ready.ts";

interface OfReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
}

export type LogRecord =
  /** Consecutive entries; they replace every entry of this replica at or above the first's index. */
  | (OfReplica & { readonly kind: "entries"; readonly entries: readonly Entry[] })
  | (OfReplica & { readonly kind: "hard-state"; readonly hardState: HardState })
  /**
   * The replica exists from here on. `state` is the host's opaque description of it (descriptor,
   * initial config, spans); a second record for the same replica is ignored.
   */
  | (OfReplica & { readonly kind: "replica-created"; readonly state: Buffer })
  /**
   * The log up to `index` is replaced by a state that is already durable in the store; entries
   * behind it are void. `state` holds what the host needs to finish the switch after a crash.
   */
  | (OfReplica & {
      readonly kind: "snapshot-installed";
      readonly index: LogIndex;
      readonly term: number;
      readonly state: Buffer;
    })
  /** The replica is gone and may never come back under this replica id. `state` is the tombstone. */
  | (OfReplica & { readonly kind: "tombstone"; readonly state: Buffer });
