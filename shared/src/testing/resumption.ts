/**
 * In which order a process that was stopped and goes on takes what was due meanwhile. An event loop takes timers and
 * sockets phase by phase: it may find all its timers due before it reads anything, or read everything first; and it
 * reads its connections in no order that has to do with when their bytes came.
 *
 * What comes from one source, and what the process itself wanted done soon, stays in its order.
 */
import { must } from "../assert.ts";
import type { SimulatedEvent } from "./event-queue.ts";

/** @param below draws a number in [0, bound) */
export function resumed<Owner>(
  late: readonly SimulatedEvent<Owner>[],
  below: (bound: number) => number,
): SimulatedEvent<Owner>[] {
  const timers = late.filter(isTimer);
  const others = interleaved(
    late.filter((event) => !isTimer(event)),
    below,
  );
  return below(2) === 0 ? [...timers, ...others] : [...others, ...timers];
}

function isTimer({ ownTimeMs, source }: SimulatedEvent<unknown>): boolean {
  return ownTimeMs !== null && source === null;
}

function interleaved<Event extends { readonly source: object | null }>(
  events: readonly Event[],
  below: (bound: number) => number,
): Event[] {
  const queues = [...Map.groupBy(events, ({ source }) => source).values()];
  const taken: Event[] = [];
  while (queues.length > 0) {
    const at = below(queues.length);
    const queue = must(queues[at], "in bounds");
    taken.push(must(queue.shift(), "no queue is empty"));
    if (queue.length === 0) queues.splice(at, 1);
  }
  return taken;
}
