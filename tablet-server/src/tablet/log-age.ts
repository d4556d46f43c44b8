/**
 * Log age: how long a tablet has surely been led, in milliseconds. What is to be remembered for a while is remembered
 * by it, and not by wall clocks or versions, which leap (docs/decisions/0010-log-age.md).
 *
 * A term begins at the age that the log has reached and counts on by its leader's monotonic clock; each entry tells
 * the age at which it was formed, and the log's age is the highest told.
 *
 * G1. Between two moments log age grows by no more than the time between them, whoever leads at each (but for the
 *     rate of monotonic clocks): all entries of former terms were formed before the term begins to count.
 * G2. It falls behind by times without a leader, and by what the last leader told in no entry: things are remembered
 *     rather too long than too short.
 */
import { assert } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";

declare const brand: unique symbol;
/** Milliseconds, an integer; 0 when the tablet begins. A part that is split off goes on from its parent's. */
export type LogAge = number & { readonly [brand]: "LogAge" };

export function logAge(value: number): LogAge {
  assert(Number.isSafeInteger(value) && value >= 0, `log age out of range: ${value}`);
  return value as LogAge;
}

/** The log age of now, as the leader of one term counts it. */
export class LeaderAge {
  readonly #clock: Clock;
  readonly #begin: LogAge;
  readonly #beginMs: number;

  /** @param begin the age of the log. REQUIRES: the entry that opened the term is applied */
  constructor(clock: Clock, begin: LogAge) {
    this.#clock = clock;
    this.#begin = begin;
    this.#beginMs = clock.monotonicMs();
  }

  now(): LogAge {
    return this.at(this.#clock.monotonicMs());
  }

  /** @param monotonicMs not before the term began to count */
  at(monotonicMs: number): LogAge {
    return (this.#begin + Math.floor(monotonicMs - this.#beginMs)) as LogAge;
  }
}
