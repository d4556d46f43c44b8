/**
 * The search for an order of one partition's operations that keeps to real time and that the model allows:
 * Wing and Gong's search, with the memory of Lowe (a set of placed operations that led to a state is never
 * entered twice).
 *
 * W1. It ends with a linearization, or with the proof that there is none, or not at all within its limits:
 *     it never guesses.
 * W2. Operations without an outcome are placed where they help, or never.
 * W3. An observation that is possible here, tells nothing new of the state and holds no other back is
 *     placed at once and without alternative: in any linearization in which it comes later it may as well
 *     come here. (A write that happens to leave the state as it is may be needed later.)
 * W4. Of open operations that mean the same, the one called first is placed first.
 */
import { must } from "@stele/shared/assert.ts";
import { EventList } from "./event-list.ts";
import type { HistoryOperation, Model, Partition } from "./model.ts";
import { OrderConstraints } from "./order-constraints.ts";
import { PlacedSet } from "./placed-set.ts";

export type SearchEnd =
  | { readonly kind: "linearizable" }
  | { readonly kind: "violation"; readonly furthest: Furthest }
  | { readonly kind: "memory-spent" };

/**
 * The order that placed most of what has an outcome, with as little else as possible. Numbers are places in
 * `Search.operations`.
 */
export interface Furthest {
  readonly placed: readonly number[];
  /** What could have come next in real time, none of which leads further. */
  readonly stuck: readonly number[];
}

interface Choice<State> {
  readonly operation: number;
  readonly state: State;
  readonly stateNumber: number;
}

interface Frame<State> {
  readonly choices: readonly Choice<State>[];
  taken: number;
  /** What led here, and from where; null: the beginning. */
  readonly placed: number | null;
  readonly parent: Frame<State> | null;
  /** Operations placed so far. */
  readonly depth: number;
}

/** What an entry of a set or map of short strings costs, its header included. */
const ENTRY_BYTES = 80;

export class Search<State extends NonNullable<unknown>, Input, Output> {
  /** In the order of their calls. */
  readonly operations: readonly HistoryOperation<Input, Output>[];
  readonly #model: Model<State, Input, Output, never>;
  readonly #events: EventList;
  readonly #set: PlacedSet;
  readonly #constraints: OrderConstraints;
  readonly #seen = new Set<string>();
  readonly #stateNumbers = new Map<string, number>();
  readonly #memoryBytes: number;
  #frame: Frame<State>;
  #furthest: { readonly frame: Frame<State>; readonly stuck: readonly number[] } | null = null;
  #furthestKnown = -1;
  #usedBytes = 0;
  #end: SearchEnd | null = null;

  /** @param memoryBytes how much to remember, about; then the search ends without an answer */
  constructor(
    model: Model<State, Input, Output, never>,
    partition: Partition<Input, Output>,
    memoryBytes: number,
  ) {
    const { operations, order = [] } = partition;
    const byCall = operations.map((_, at) => at).sort((a, b) => call(a) - call(b) || a - b);
    function call(at: number): number {
      return must(operations[at], "an operation of the partition").call;
    }
    this.#model = model;
    this.#memoryBytes = memoryBytes;
    this.operations = byCall.map((at) => operations[at] as HistoryOperation<Input, Output>);
    const place = new Map(byCall.map((at, sorted) => [at, sorted]));
    const pairs = order.map(
      ([first, second]) => [place.get(first) as number, place.get(second) as number] as const,
    );
    this.#events = new EventList(this.operations);
    this.#set = new PlacedSet(
      this.operations.map(({ input, outcome }) => {
        if (outcome !== null) return "known";
        return model.isImplied?.(input) === true ? "implied" : "open";
      }),
    );
    this.#constraints = new OrderConstraints(this.operations, pairs);
    const initial = model.initial();
    const choices = this.#choices(initial, this.#stateNumber(initial));
    this.#frame = { choices, taken: 0, placed: null, parent: null, depth: 0 };
    if (this.#set.isComplete) this.#end = { kind: "linearizable" };
  }

  /** States entered so far. */
  get entered(): number {
    return this.#seen.size;
  }

  /** Null: not at its end after so many steps; call again. */
  advance(steps: number): SearchEnd | null {
    for (let step = 0; step < steps && this.#end === null; step++) this.#step();
    return this.#end;
  }

  #step(): void {
    const frame = this.#frame;
    const choice = frame.choices[frame.taken++];
    if (choice === undefined) {
      this.#leave(frame);
      return;
    }
    const { operation, state, stateNumber } = choice;
    this.#set.add(operation);
    if (this.#set.isComplete) {
      this.#end = { kind: "linearizable" };
      return;
    }
    const name = this.#set.name(stateNumber);
    if (this.#seen.has(name)) {
      this.#set.remove(operation);
      return;
    }
    this.#seen.add(name);
    this.#remember(name);
    this.#events.lift(operation);
    const choices = this.#choices(state, stateNumber);
    this.#frame = { choices, taken: 0, placed: operation, parent: frame, depth: frame.depth + 1 };
  }

  /** Back out of a frame whose choices all failed. */
  #leave(frame: Frame<State>): void {
    this.#noteFurthest(frame);
    if (frame.parent === null || frame.placed === null) {
      this.#end = { kind: "violation", furthest: this.#furthestOrder() };
      return;
    }
    this.#frame = frame.parent;
    this.#events.putBack(frame.placed);
    this.#set.remove(frame.placed);
  }

  #noteFurthest(frame: Frame<State>): void {
    const known = this.#set.knownPlaced;
    const depth = this.#furthest?.frame.depth ?? Infinity;
    if (known < this.#furthestKnown) return;
    if (known === this.#furthestKnown && frame.depth >= depth) return;
    this.#furthestKnown = known;
    this.#furthest = { frame, stuck: this.#events.candidates() };
  }

  #furthestOrder(): Furthest {
    const { frame, stuck } = must(this.#furthest, "a search that failed has left a frame");
    const placed: number[] = [];
    for (let at: Frame<State> | null = frame; at !== null; at = at.parent) {
      if (at.placed !== null) placed.push(at.placed);
    }
    return { placed: placed.reverse(), stuck };
  }

  #choices(state: State, stateNumber: number): Choice<State>[] {
    const choices: Choice<State>[] = [];
    for (const operation of this.#events.candidates()) {
      if (!this.#constraints.allow(operation, this.#set)) continue;
      const { input, outcome } = this.operations[operation] as HistoryOperation<Input, Output>;
      const after = this.#model.step(state, input, outcome?.output ?? null);
      if (after === null) continue;
      const afterNumber = after === state ? stateNumber : this.#stateNumber(after);
      const choice = { operation, state: after, stateNumber: afterNumber };
      if (afterNumber === stateNumber) {
        if (outcome === null) continue;
        const isFree =
          this.#model.isObservation(input, outcome.output) &&
          !this.#constraints.holdsBack(operation);
        if (isFree) return [choice];
      }
      choices.push(choice);
    }
    return choices.sort((a, b) => this.#returnOrder(a.operation, b.operation));
  }

  /** What returned first is the likeliest to have come first; open operations come last. */
  #returnOrder(a: number, b: number): number {
    const [first, second] = [this.#events.returnPosition(a), this.#events.returnPosition(b)];
    return first === second ? a - b : first - second;
  }

  #stateNumber(state: State): number {
    const key = this.#model.stateKey(state);
    const known = this.#stateNumbers.get(key);
    if (known !== undefined) return known;
    const fresh = this.#stateNumbers.size;
    this.#stateNumbers.set(key, fresh);
    this.#remember(key);
    return fresh;
  }

  #remember(text: string): void {
    this.#usedBytes += ENTRY_BYTES + 2 * text.length;
    if (this.#usedBytes > this.#memoryBytes) this.#end = { kind: "memory-spent" };
  }
}
