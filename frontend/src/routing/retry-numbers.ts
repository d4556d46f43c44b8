/**
 * The numbers under which this process sends writes again (docs/decisions/0007-retry-numbers-by-tablet.md).
 *
 * A tablet keeps the result of a write until it hears that every older number of the sequence is done with.
 * So numbers are drawn from a sequence of the tablet to which the write is sent first, as idempotent
 * producers of Kafka number each partition's records:
 *
 * R1. A number is given out once. It stays with its write, also when the key moves to another tablet.
 * R2. `doneBelow` of a sequence never passes a number that is still open: its write may be sent again.
 * R3. A tablet that hangs holds back its own sequence and no other tablet's.
 * R4. A single write that hangs holds back `retrySpan` numbers at most: then its tablet gets a new sequence.
 *     How the retired one comes along is told with later calls, until it is over.
 */
import { must } from "@stele/shared/assert.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import type { Random } from "@stele/shared/random.ts";
import type { SequenceProgress } from "@stele/shared/wire/row-calls.ts";
import type { RoutingLimits } from "./routing-limits.ts";

/** Retired sequences told about with a call. Results of one that is pushed out expire on the tablet. */
const RETIRED_MAX = 8;
/** Calls that tell that a sequence is over: one of them arrives, or its last results expire. */
const TELL_OVER = 16;

const NONE: readonly SequenceProgress[] = [];

/** Numbers in rising order, from 1 on. */
export class RetrySequence implements SequenceProgress {
  readonly sequenceId: bigint;
  #next = 1;
  #lowestOpen = 1;
  /** In rising order, as a set iterates in order of insertion. */
  readonly #open = new Set<number>();

  constructor(sequenceId: bigint) {
    this.sequenceId = sequenceId;
  }

  /** Every number below it is settled or given up. */
  get doneBelow(): number {
    return this.#lowestOpen;
  }

  get isOver(): boolean {
    return this.#lowestOpen === this.#next;
  }

  /** Numbers given out that are not done. */
  get span(): number {
    return this.#next - this.#lowestOpen;
  }

  /** A number for a new write; open until it is settled. */
  take(): RetryNumber {
    const seq = this.#next++;
    this.#open.add(seq);
    return { sequence: this, seq };
  }

  /** The write is decided or given up: it is never sent again. */
  settle(seq: number): void {
    this.#open.delete(seq);
    if (seq !== this.#lowestOpen) return;
    const [lowest = this.#next] = this.#open;
    this.#lowestOpen = lowest;
  }
}

export interface RetryNumber {
  readonly sequence: RetrySequence;
  readonly seq: number;
}

interface TabletSequences {
  current: RetrySequence;
  /** Oldest first. */
  retired: { readonly sequence: RetrySequence; toldOver: number }[];
}

export type RetryLimits = Pick<RoutingLimits, "retrySpan" | "retryTablets">;

export class RetryNumbers {
  readonly #random: Random;
  readonly #limits: RetryLimits;
  /** In order of their beginning. */
  readonly #byTablet = new Map<TabletId, TabletSequences>();

  constructor(random: Random, limits: RetryLimits) {
    this.#random = random;
    this.#limits = limits;
  }

  /** A number for a write that goes to this tablet first. */
  take(tablet: TabletId): RetryNumber {
    const own = this.#byTablet.get(tablet) ?? this.#begin(tablet);
    if (own.current.span >= this.#limits.retrySpan) {
      own.retired.push({ sequence: own.current, toldOver: 0 });
      if (own.retired.length > RETIRED_MAX) own.retired.shift();
      own.current = this.#newSequence();
    }
    return own.current.take();
  }

  /** What the next call to the tablet should tell of its former sequences. */
  retiredOf(tablet: TabletId): readonly SequenceProgress[] {
    const own = this.#byTablet.get(tablet);
    if (own === undefined || own.retired.length === 0) return NONE;
    const told = own.retired.map(({ sequence: { sequenceId, doneBelow } }) => {
      return { sequenceId, doneBelow };
    });
    for (const each of own.retired) if (each.sequence.isOver) each.toldOver++;
    own.retired = own.retired.filter(({ toldOver }) => toldOver < TELL_OVER);
    return told;
  }

  #begin(tablet: TabletId): TabletSequences {
    const begun = { current: this.#newSequence(), retired: [] };
    this.#byTablet.set(tablet, begun);
    if (this.#byTablet.size > this.#limits.retryTablets) {
      // Its tablet begins another one when it is written again.
      const [first] = this.#byTablet.keys();
      this.#byTablet.delete(must(first, "a tablet"));
    }
    return begun;
  }

  #newSequence(): RetrySequence {
    return new RetrySequence(this.#random.bytes(8).readBigUInt64BE());
  }
}
