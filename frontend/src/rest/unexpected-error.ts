/** What becomes of an error that nobody expected: it is logged; a broken invariant ends the process. */
import { InvariantError } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";

export function reportUnexpected(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  requestId: string,
  error: unknown,
): void {
  log.error({ error, requestId }, "a request failed unexpectedly");
  if (!(error instanceof InvariantError)) return;
  clock.soon(() => {
    throw error;
  });
}
