/**
 * What a leader may trust of its own leadership, from the heartbeat rounds that leave and the answers to them: judged
 * by when followers answer, which is before the leader can hear of it.
 *
 * A1. A lease lasts no longer than `leaseMs` after a round was sent that a quorum answered (Raft dissertation,
 *     section 6.4.1), and is over for good once the leader asked another to take over.
 * A2. A read that asked a quorum is confirmed by a round that left after it came (section 6.4).
 */
import type { ReplicaId, Term } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import { agreedValue, isAgreed } from "./majorities.ts";

/** One replica in one term that it leads. */
export class Leadership {
  readonly #leader: ReplicaId;
  readonly #leaseMs: number;
  /** Rounds that may still prove a lease, by the leader's clock. */
  readonly #sentMs = new Map<number, number>();
  /** By follower: the last round that it answered, and until when that helps a lease. */
  readonly #answers = new Map<ReplicaId, { round: number; helpsUntilMs: number }>();
  #lastRound = 0;
  #provenUntilMs = Number.NEGATIVE_INFINITY;
  /** The leader's. */
  #config: GroupConfig;
  /** The leader told another to campaign. */
  handedOver = false;

  constructor(leader: ReplicaId, leaseMs: number, config: GroupConfig) {
    this.#leader = leader;
    this.#leaseMs = leaseMs;
    this.#config = config;
  }

  /** The last that left. */
  get lastRound(): number {
    return this.#lastRound;
  }

  /** The round's first heartbeat leaves, at `nowMs` of the leader's clock. */
  sends(round: number, nowMs: number): void {
    if (round <= this.#lastRound) return;
    this.#lastRound = round;
    for (const [earlier, sentMs] of this.#sentMs) {
      if (sentMs + this.#leaseMs >= nowMs) break;
      this.#sentMs.delete(earlier);
    }
    this.#sentMs.set(round, nowMs);
  }

  /** A follower answers the round. */
  answers(follower: ReplicaId, round: number): void {
    const sentMs = this.#sentMs.get(round) ?? Number.NEGATIVE_INFINITY;
    const helpsUntilMs = sentMs + this.#leaseMs;
    const answer = this.#answers.get(follower);
    if (answer === undefined) this.#answers.set(follower, { round, helpsUntilMs });
    else {
      answer.round = Math.max(answer.round, round);
      answer.helpsUntilMs = Math.max(answer.helpsUntilMs, helpsUntilMs);
    }
    this.#weigh();
  }

  /** A lease outlives the config that granted it. */
  changes(config: GroupConfig): void {
    this.#weigh();
    this.#config = config;
    this.#weigh();
  }

  /** A1. What is wrong with a lease that the leader holds now, or null. */
  problemOfLease(nowMs: number): string | null {
    if (this.handedOver) return "asked another to take over, and still holds its lease";
    if (nowMs < this.#provenUntilMs) return null;
    // One that is alone hears no answers.
    this.#weigh();
    if (nowMs < this.#provenUntilMs) return null;
    const overMs = Math.round(nowMs - this.#provenUntilMs);
    return `holds a lease ${overMs} ms after the last round that a quorum answered allows`;
  }

  /** A2. Whether a quorum of one of the configs answered a round behind `round`. */
  isConfirmedBehind(round: number, configs: readonly GroupConfig[]): boolean {
    return configs.some((config) =>
      isAgreed(config, (id) => {
        return id === this.#leader || (this.#answers.get(id)?.round ?? 0) > round;
      }),
    );
  }

  #weigh(): void {
    const until = agreedValue(this.#config, (id) => {
      if (id === this.#leader) return Number.POSITIVE_INFINITY;
      return this.#answers.get(id)?.helpsUntilMs ?? Number.NEGATIVE_INFINITY;
    });
    if (until > this.#provenUntilMs) this.#provenUntilMs = until;
  }
}

export class Leaderships {
  readonly #leaderships = new Map<Term, Leadership>();

  /** Null: nobody is known to lead it. */
  find(term: Term): Leadership | null {
    return this.#leaderships.get(term) ?? null;
  }

  begins(leader: ReplicaId, term: Term, leaseMs: number, config: GroupConfig): void {
    if (!this.#leaderships.has(term))
      this.#leaderships.set(term, new Leadership(leader, leaseMs, config));
  }
}
