/**
 * What the planner decided lately and why, for operators: a bounded ring. Rules are asked again and again;
 * a decision that repeats the last one about its subject is not written twice.
 */
import type { Decision } from "./plan.ts";

export interface DatedDecision extends Decision {
  /** Microseconds since 1970. */
  readonly atMicros: number;
}

export class Decisions {
  readonly #limit: number;
  /** By rule and subject, the newest last: a Map keeps the order of insertion. */
  readonly #latest = new Map<string, DatedDecision>();
  readonly #ring: DatedDecision[] = [];

  constructor(limit = 1_000) {
    this.#limit = limit;
  }

  add(decision: Decision, atMicros: number): void {
    const name = `${decision.rule} ${decision.subject}`;
    const last = this.#latest.get(name);
    if (last?.outcome === decision.outcome && last.reason === decision.reason) return;
    const dated = { ...decision, atMicros };
    this.#latest.delete(name);
    this.#latest.set(name, dated);
    if (this.#latest.size > this.#limit) {
      for (const oldest of this.#latest.keys()) {
        this.#latest.delete(oldest);
        break;
      }
    }
    this.#ring.push(dated);
    if (this.#ring.length > 2 * this.#limit) this.#ring.splice(0, this.#limit);
  }

  /** Newest first. */
  list(): DatedDecision[] {
    return this.#ring.slice(-this.#limit).reverse();
  }
}
