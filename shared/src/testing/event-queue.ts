/**
 * The pending events of a simulation, in order of time, then of `order`, then of their adding: a
 * binary heap. Cancelled events leave when they come up, or when they are more than half.
 */
export interface SimulatedEvent {
  readonly timeMs: number;
  readonly order: number;
  /** Counts up: two events are never equal. */
  readonly sequence: number;
  readonly run: () => void;
  state: "pending" | "gone";
}

export class EventQueue {
  #heap: SimulatedEvent[] = [];
  #cancelled = 0;
  #sequence = 0;

  add(timeMs: number, order: number, run: () => void): SimulatedEvent {
    const sequence = this.#sequence++;
    const event: SimulatedEvent = { timeMs, order, sequence, run, state: "pending" };
    this.#heap.push(event);
    this.#siftUp(this.#heap.length - 1);
    return event;
  }

  cancel(event: SimulatedEvent): void {
    if (event.state === "gone") return;
    event.state = "gone";
    this.#cancelled++;
    if (this.#cancelled * 2 > this.#heap.length) this.#purge();
  }

  first(): SimulatedEvent | null {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return null;
      if (top.state === "pending") return top;
      this.#cancelled--;
      this.#removeTop();
    }
  }

  take(): SimulatedEvent | null {
    const event = this.first();
    if (event === null) return null;
    event.state = "gone";
    this.#removeTop();
    return event;
  }

  #purge(): void {
    // A sorted array is a heap.
    this.#heap = this.#heap.filter(({ state }) => state === "pending").toSorted(compare);
    this.#cancelled = 0;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #siftUp(start: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #siftDown(start: number): void {
    let at = start;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#isBefore(child, least)) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(left: number, right: number): boolean {
    const [a, b] = [this.#heap[left], this.#heap[right]];
    return a !== undefined && b !== undefined && compare(a, b) < 0;
  }

  #swap(left: number, right: number): void {
    const [a, b] = [this.#heap[left], this.#heap[right]];
    if (a === undefined || b === undefined) return;
    this.#heap[left] = b;
    this.#heap[right] = a;
  }
}

function compare(a: SimulatedEvent, b: SimulatedEvent): number {
  return a.timeMs - b.timeMs || a.order - b.order || a.sequence - b.sequence;
}
