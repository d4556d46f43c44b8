/**
 * What a core is started with: its settings and the state that recovery found.
 */
import { assert } from "../assert.ts";
import type { LogIndex, ReplicaId } from "../ids.ts";
import type { Random } from "../random.ts";
import type { IndexedConfig } from "./config-history.ts";
import type { EntryInfo, LogPosition } from "./raft-log.ts";
import type { HardState } from "./ready.ts";

export interface RaftOptions {
  readonly replicaId: ReplicaId;
  /** A leader sends a heartbeat round each so many ticks. */
  readonly heartbeatTicks: number;
  /**
   * An election timeout is drawn from [electionMinTicks, electionMaxTicks). Each electionMinTicks a
   * leader checks that a quorum answers, and a leadership transfer gives up after as many.
   */
  readonly electionMinTicks: number;
  readonly electionMaxTicks: number;
  /** No vote is granted for so many ticks after a leader was heard, and after a start. */
  readonly promiseTicks: number;
  /** Appends on their way to one follower. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Payload bytes of one append; an entry larger than this travels alone. */
  readonly maxAppendBytes: number;
  /** Payload bytes a leader may have uncommitted; when it has none, any proposal is admitted. */
  readonly maxUncommittedBytes: number;
  /** Draws election timeouts, nothing else. */
  readonly random: Random;
}

export interface RaftInitialState {
  readonly hardState: HardState;
  /**
   * The last entry that is compacted away. A group must begin behind (1, 1) or later if replicas
   * are to join it: one that starts with nothing, at (0, 0), has to be sent the state first.
   */
  readonly truncated: LogPosition;
  /**
   * Ascending; the first is the one in force at or below the truncated index. `EMPTY_CONFIG` for a
   * replica that waits for its first snapshot: it takes no entries before.
   */
  readonly configs: readonly IndexedConfig[];
  /** Durable, consecutive, right behind the truncated index. */
  readonly entries: readonly EntryInfo[];
  /** What the host has applied; at or above the truncated index. */
  readonly applied: LogIndex;
  /** Created just now: it cannot have promised anything, so it may vote at once. */
  readonly freshReplica: boolean;
}

export function assertOptions(options: RaftOptions): void {
  const { heartbeatTicks, electionMinTicks, electionMaxTicks, promiseTicks } = options;
  assert(heartbeatTicks >= 1, "a heartbeat takes at least one tick");
  assert(heartbeatTicks < electionMinTicks, "heartbeats must fit into an election timeout");
  assert(electionMinTicks < electionMaxTicks, "election timeouts need a range");
  assert(promiseTicks <= electionMinTicks, "a promise must not outlast an election timeout");
  assert(options.maxInflightMessages >= 1, "at least one append must be allowed in flight");
  assert(options.maxInflightBytes >= 1, "some bytes must be allowed in flight");
  assert(options.maxAppendBytes >= 1, "an append must be allowed some bytes");
}
