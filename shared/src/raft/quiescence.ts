/**
 * When a group may sleep: nobody ticks, nobody sends heartbeats, and any message or proposal wakes
 * it.
 */
import { isJoint } from "./group-config.ts";
import type { Leadership } from "./leadership.ts";
import type { RaftState } from "./raft-state.ts";

/** Whether every member has everything there is and was told that it is committed. */
export function isQuiet(state: RaftState, leadership: Leadership): boolean {
  const { log, config } = state;
  return (
    log.applied === log.lastIndex &&
    leadership.transfer === null &&
    leadership.reads.isIdle() &&
    !isJoint(config) &&
    leadership.followers.every(
      (follower) =>
        follower.state.kind === "replicate" &&
        follower.match === log.lastIndex &&
        follower.toldCommit === log.commit,
    )
  );
}
