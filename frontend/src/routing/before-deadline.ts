/** Waiting that ends by a deadline. */
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";

/** As `promise`, or at the deadline rejects with 504 DEADLINE; the promise's own failure is then ignored. */
export function beforeDeadline<T>(
  clock: Clock,
  promise: Promise<T>,
  deadlineMs: number,
  waitedFor: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, deadlineMs - clock.monotonicMs()), () => {
      reject(deadlinePassed(waitedFor));
    });
    promise.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error as Error);
      },
    );
  });
}

export function deadlinePassed(waitedFor: string): DatabaseError {
  return new DatabaseError({
    code: "DEADLINE",
    detail: `The deadline passed while waiting for ${waitedFor}.`,
  });
}
