/**
 * Gives up on a transfer that stands still. What it does later on has nobody to tell.
 */
import type { CancelTimer, Clock } from "../clock.ts";

/** The other side neither goes on nor gives up. */
export class StalledError extends Error {
  override readonly name = "StalledError";
}

/**
 * Settles as what `run` returns does, or rejects with `StalledError` once `progressed` was not called for
 * `limitMs`.
 */
export async function withStallLimit<T>(
  clock: Clock,
  limitMs: number,
  run: (progressed: () => void) => Promise<T>,
): Promise<T> {
  const stalled = Promise.withResolvers<never>();
  let isOver = false;
  const arm = (): CancelTimer =>
    clock.after(limitMs, () => stalled.reject(new StalledError(`nothing moved for ${limitMs} ms`)));
  let cancel = arm();
  const progressed = (): void => {
    if (isOver) return;
    cancel();
    cancel = arm();
  };
  try {
    return await Promise.race([run(progressed), stalled.promise]);
  } finally {
    isOver = true;
    cancel();
  }
}
