/**
 * What a replica knows only while it leads: created by winning an election, dropped by losing it.
 */
import { must } from "../assert.ts";
import type { LogIndex, ReplicaId } from "../ids.ts";
import { membersOf } from "./group-config.ts";
import type { GroupConfig } from "./group-config.ts";
import type { WindowLimits } from "./inflight-window.ts";
import { Progress } from "./progress.ts";
import { ReadRounds } from "./read-index.ts";

/** Leadership is on its way to another replica; no proposal is taken meanwhile. */
export interface Transfer {
  readonly to: ReplicaId;
  ticks: number;
  timeoutNow: "unsent" | "sent";
}

export class Leadership {
  readonly reads = new ReadRounds();
  transfer: Transfer | null = null;
  /**
   * A timeout-now left in this term. It may arrive at any time and lets its receiver's campaign
   * break the followers' promises, so no lease of this term can be trusted again.
   */
  handedOver = false;
  /** Payload bytes of the entries behind the commit index. */
  uncommittedBytes: number;
  heartbeatTicks = 0;
  quorumCheckTicks = 0;
  /** The last round sent, which counts as acknowledged by the leader itself. */
  lastRound = 0;
  /** The highest round that a quorum acknowledged. */
  ackedRound = 0;
  /** The next Ready opens a round. */
  roundWanted = true;
  /** The next Ready looks for appends to send. */
  appendsWanted = true;
  readonly #self: ReplicaId;
  readonly #limits: WindowLimits;
  /** Everybody in the config but the leader, ascending by replica id. */
  #followers: readonly Progress[] = [];

  constructor(self: ReplicaId, limits: WindowLimits, uncommittedBytes: number) {
    this.#self = self;
    this.#limits = limits;
    this.uncommittedBytes = uncommittedBytes;
  }

  get followers(): readonly Progress[] {
    return this.#followers;
  }

  follower(id: ReplicaId): Progress | undefined {
    return this.#followers.find((follower) => follower.id === id);
  }

  /** The follower, which the config in force names. */
  mustFollower(id: ReplicaId): Progress {
    return must(this.follower(id), `no progress of replica ${id}`);
  }

  /** Follows the members of `config`; a new one is probed from behind the leader's last entry. */
  follow(config: GroupConfig, lastIndex: LogIndex): void {
    this.#followers = membersOf(config)
      .filter((member) => member.replicaId !== this.#self)
      .map(
        ({ replicaId }) =>
          this.follower(replicaId) ?? new Progress(replicaId, lastIndex + 1, this.#limits),
      );
    this.appendsWanted = true;
  }

  /** Whether an acknowledged round proves that no other replica can have been elected. */
  mayHoldLease(): boolean {
    return this.transfer === null && !this.handedOver;
  }
}
