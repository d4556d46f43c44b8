/**
 * The pending events of a simulation, in order of time, then of `order`, then of their adding: a
 * binary heap. Cancelled events leave when they come up, or when they are more than half.
 */
export interface SimulatedEvent<Owner> {
  timeMs: number;
  order: number;
  /** Counts up: two events are never equal. */
  sequence: number;
  readonly owner: Owner;
  /** When its owner's own clock shall show, in ms, when it runs; null: as soon as possible. */
  readonly ownTimeMs: number | null;
  /** Where it comes from, such as a connection; null: from its owner itself. */
  readonly source: object | null;
  readonly callback: () => void;
  state: "pending" | "taken" | "cancelled";
}

export class EventQueue<Owner> {
  #heap: SimulatedEvent<Owner>[] = [];
  #cancelled = 0;
  #sequence = 0;

  add(
    timeMs: number,
    order: number,
    owner: Owner,
    ownTimeMs: number | null,
    callback: () => void,
    source: object | null = null,
  ): SimulatedEvent<Owner> {
    const sequence = this.#sequence++;
    const event: SimulatedEvent<Owner> = {
      timeMs,
      order,
      sequence,
      owner,
      ownTimeMs,
      source,
      callback,
      state: "pending",
    };
    this.#push(event);
    return event;
  }

  /** Once more, as the last that was added. REQUIRES: taken. */
  addAgain(event: SimulatedEvent<Owner>, timeMs: number, order: number): void {
    event.timeMs = timeMs;
    event.order = order;
    event.sequence = this.#sequence++;
    event.state = "pending";
    this.#push(event);
  }

  cancel(event: SimulatedEvent<Owner>): void {
    const wasPending = event.state === "pending";
    event.state = "cancelled";
    if (!wasPending) return;
    this.#cancelled++;
    if (this.#cancelled * 2 > this.#heap.length) this.#purge();
  }

  /** Changes the times of pending events, in time linear in all of them. */
  retime(timeOf: (event: SimulatedEvent<Owner>) => number): void {
    for (const event of this.#heap) {
      if (event.state === "pending") event.timeMs = timeOf(event);
    }
    this.#purge();
  }

  first(): SimulatedEvent<Owner> | null {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return null;
      if (top.state === "pending") return top;
      this.#cancelled--;
      this.#removeTop();
    }
  }

  take(): SimulatedEvent<Owner> | null {
    const event = this.first();
    if (event === null) return null;
    event.state = "taken";
    this.#removeTop();
    return event;
  }

  #purge(): void {
    // A sorted array is a heap.
    this.#heap = this.#heap.filter(({ state }) => state === "pending").sort(compare);
    this.#cancelled = 0;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#siftDown(last);
  }

  /** Into the place that is free at the end. */
  #push(event: SimulatedEvent<Owner>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || compare(parent, event) < 0) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  /** Into the place that is free at the top. */
  #siftDown(event: SimulatedEvent<Owner>): void {
    const heap = this.#heap;
    const { length } = heap;
    let at = 0;
    for (let left = 1; left < length; left = 2 * at + 1) {
      let below = left;
      let child = heap[left];
      const right = left + 1 < length ? heap[left + 1] : undefined;
      if (child === undefined) break;
      if (right !== undefined && compare(right, child) < 0) {
        below = left + 1;
        child = right;
      }
      if (compare(event, child) < 0) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = event;
  }
}

function compare(a: SimulatedEvent<unknown>, b: SimulatedEvent<unknown>): number {
  return a.timeMs - b.timeMs || a.order - b.order || a.sequence - b.sequence;
}
