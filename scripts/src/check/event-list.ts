/**
 * The calls and returns of one partition in the order of time, as a doubly linked list from which placed
 * operations are lifted and put back (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993;
 * Lowe, "Testing for linearizability", 2017).
 *
 * E1. At equal times calls come before returns: such operations overlap.
 * E2. An operation without an outcome has no return event: it never forces anything to come before it.
 * E3. Operations are put back in the reverse of the order in which they were lifted.
 */
import type { HistoryOperation } from "./model.ts";

const HEAD = 0;
const NONE = -1;

export class EventList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** By event: the operation called, or NONE for a return. */
  readonly #called: Int32Array;
  readonly #callOf: Int32Array;
  readonly #returnOf: Int32Array;

  constructor(operations: readonly HistoryOperation<unknown, unknown>[]) {
    const events = eventsInOrder(operations);
    const size = events.length + 1;
    this.#next = Int32Array.from({ length: size }, (_, at) => (at + 1 < size ? at + 1 : NONE));
    this.#previous = Int32Array.from({ length: size }, (_, at) => at - 1);
    this.#called = new Int32Array(size).fill(NONE);
    this.#callOf = new Int32Array(operations.length).fill(NONE);
    this.#returnOf = new Int32Array(operations.length).fill(NONE);
    events.forEach(({ operation, kind }, at) => {
      if (kind === "call") {
        this.#called[at + 1] = operation;
        this.#callOf[operation] = at + 1;
      } else this.#returnOf[operation] = at + 1;
    });
  }

  /** Operations left that nothing left must precede, in the order of their calls. */
  candidates(): number[] {
    const found: number[] = [];
    for (let at = this.#next[HEAD] as number; at !== NONE; at = this.#next[at] as number) {
      const operation = this.#called[at] as number;
      if (operation === NONE) break;
      found.push(operation);
    }
    return found;
  }

  /** Where the operation returns among all events; Infinity: it does not. */
  returnPosition(operation: number): number {
    const at = this.#returnOf[operation] as number;
    return at === NONE ? Infinity : at;
  }

  lift(operation: number): void {
    this.#unlink(this.#callOf[operation] as number);
    const at = this.#returnOf[operation] as number;
    if (at !== NONE) this.#unlink(at);
  }

  putBack(operation: number): void {
    const at = this.#returnOf[operation] as number;
    if (at !== NONE) this.#relink(at);
    this.#relink(this.#callOf[operation] as number);
  }

  #unlink(at: number): void {
    const [previous, next] = [this.#previous[at] as number, this.#next[at] as number];
    this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  #relink(at: number): void {
    const [previous, next] = [this.#previous[at] as number, this.#next[at] as number];
    this.#next[previous] = at;
    if (next !== NONE) this.#previous[next] = at;
  }
}

interface Event {
  readonly time: number;
  readonly kind: "call" | "return";
  readonly operation: number;
}

function eventsInOrder(operations: readonly HistoryOperation<unknown, unknown>[]): Event[] {
  const events: Event[] = [];
  operations.forEach(({ call, outcome }, operation) => {
    events.push({ time: call, kind: "call", operation });
    if (outcome !== null) events.push({ time: outcome.at, kind: "return", operation });
  });
  const rank = ({ kind }: Event): number => (kind === "call" ? 0 : 1);
  return events.sort((a, b) => a.time - b.time || rank(a) - rank(b) || a.operation - b.operation);
}
