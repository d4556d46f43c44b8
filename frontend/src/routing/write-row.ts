/** The write of one row. */
import { DatabaseError } from "@stele/shared/errors.ts";
import type { RowWrite, WriteResult } from "@stele/shared/row-operations.ts";
import type { CallLimits, ServedBy } from "../operations.ts";
import { CallTrack } from "./call-track.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import { encodeWrites, RoutedWrite, writeDeadline } from "./routed-write.ts";
import { callTabletOf, expectedError, wrongReply } from "./row-routing.ts";
import type { FinalOutcome, RowRouting } from "./row-routing.ts";

export async function writeRow(
  routing: RowRouting,
  table: string,
  write: RowWrite,
  limits: CallLimits,
): Promise<{ readonly result: WriteResult; readonly servedBy: ServedBy }> {
  const track = new CallTrack(limits, writeDeadline(routing, limits));
  const routed = new RoutedWrite(write);
  let outcome: FinalOutcome;
  try {
    const encode = (tablet: MappedTablet) => encodeWrites(routing, tablet, [routed], track);
    outcome = await callTabletOf(routing, table, write.key, encode, track);
  } catch (error) {
    throw new DatabaseError(track.failedHere(expectedError(error)), error);
  } finally {
    routed.settle();
  }
  if (outcome.kind === "failed") throw new DatabaseError(track.failedThere(outcome.error));
  const { reply } = outcome;
  const own = reply.kind === "written" ? reply.outcomes[0] : undefined;
  if (reply.kind !== "written" || own === undefined) {
    throw new DatabaseError(track.failedThere(wrongReply("write", reply)));
  }
  if (own.kind === "failed") throw new DatabaseError(track.refused(own.error));
  return { result: own.result, servedBy: reply.servedBy };
}
