/**
 * Turns of the event loop. Every promise callback and tick that one turn leads to has run before the
 * next one, however deep their chains, as long as none of them waits for real input or output.
 */
const BATCH_MAX = 64;

/** The next turn. */
export function nextMacrotask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Calls `turn` in one turn after another, beginning with the next, until it answers false; rejects
 * when it throws. Much cheaper than as many `nextMacrotask`: Node runs the promise callbacks between
 * two immediates of one pass as well, without asking the system for input in between.
 */
nextMacrotask.each = (turn: () => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    let batch = 1;
    let waiting = 0;
    let isOver = false;
    const end = (settle: () => void): void => {
      isOver = true;
      settle();
    };
    const refill = (): void => {
      for (waiting = batch; waiting > 0; waiting--) setImmediate(run);
      waiting = batch;
      batch = Math.min(2 * batch, BATCH_MAX);
    };
    const run = (): void => {
      if (isOver) return;
      waiting--;
      try {
        if (!turn()) end(resolve);
        else if (waiting === 0) refill();
      } catch (error) {
        end(() => reject(error as Error));
      }
    };
    refill();
  });
