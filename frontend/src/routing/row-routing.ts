/**
 * What reads, writes and scans share: from a key to the outcome of a call to its tablet, however often
 * the key moves on the way.
 */
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import type { CallTrack } from "./call-track.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import type { RetryNumbers } from "./retry-numbers.ts";
import type { RoutingLimits } from "./routing-limits.ts";
import type { CallOutcome, TabletCalls } from "./tablet-calls.ts";
import type { TabletLocator } from "./tablet-locator.ts";

export interface RowRouting {
  readonly clock: Clock;
  readonly locator: TabletLocator;
  readonly calls: TabletCalls;
  readonly numbers: RetryNumbers;
  readonly limits: RoutingLimits;
}

export type FinalOutcome = Extract<CallOutcome, { kind: "served" | "failed" }>;

/** Calls the tablet that holds the key, wherever it is by then. Throws `DatabaseError`. */
export async function callTabletOf(
  { locator, calls }: RowRouting,
  table: string,
  key: Buffer,
  encode: (tablet: MappedTablet) => Buffer,
  track: CallTrack,
): Promise<FinalOutcome> {
  for (;;) {
    const located = locator.locate(table, key, track.deadlineMs);
    const tablet = located instanceof Promise ? await located : located;
    const outcome = await calls.run(tablet, () => encode(tablet), track);
    if (outcome.kind === "served" || outcome.kind === "failed") return outcome;
    if (outcome.kind === "dropped") locator.tableDropped(table, tablet.tableId);
  }
}

/** Tablet servers of this protocol never do it. */
export function wrongReply(asked: string, reply: RowReply): DatabaseErrorBody {
  return { code: "INTERNAL", detail: `A tablet answered a ${asked} with "${reply.kind}".` };
}

/** The body of an expected error; others are passed on. */
export function expectedError(error: unknown): DatabaseErrorBody {
  if (error instanceof DatabaseError) return error.body;
  throw error;
}
