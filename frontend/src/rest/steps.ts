/**
 * Work that can be done at once or in turns: a generator that yields now and then and returns the
 * result. Small inputs run through; large ones let other requests have a turn in between.
 */
import type { TurnTaker } from "./turn-taker.ts";

export type Steps<T> = Generator<undefined, T, undefined>;

export function completed<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

export async function completedInTurns<T>(steps: Steps<T>, turns: TurnTaker): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turns.takeIfLate();
  }
}
