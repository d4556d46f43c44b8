/**
 * What a leader sends to its followers: appends, heartbeat rounds, the wish for a snapshot. Nothing
 * leaves when it arises but when a Ready is taken, so that what gathered meanwhile shares a message.
 *
 * N1. An append names a previous entry whose term is known; below the truncated index only a
 *     snapshot helps.
 * N2. A full window holds entries back, never the empty append that finds out what was lost.
 */
import { must } from "../assert.ts";
import { logIndex } from "../ids.ts";
import type { LogIndex } from "../ids.ts";
import type { Leadership } from "./leadership.ts";
import type { Progress } from "./progress.ts";
import { quorumValue } from "./quorum.ts";
import type { RaftState } from "./raft-state.ts";

/** While it is unknown where the logs agree, an append is likely refused: it stays small. */
const PROBE_BYTES = 4096;

export function hasSends(state: RaftState, leadership: Leadership): boolean {
  return leadership.appendsWanted || wantsRound(state, leadership);
}

export function gatherSends(state: RaftState, leadership: Leadership): void {
  if (wantsRound(state, leadership)) sendRound(state, leadership);
  if (leadership.appendsWanted) sendAppends(state, leadership);
}

export function sendAppends(state: RaftState, leadership: Leadership): void {
  leadership.appendsWanted = false;
  for (const follower of leadership.followers) replicate(state, follower);
}

/** Takes the answers to rounds into account: confirms reads, and the round for a lease. */
export function settleRounds(state: RaftState, leadership: Leadership): void {
  const acked = quorumValue(state.config, (id) =>
    id === state.self ? leadership.lastRound : (leadership.follower(id)?.ackedRound ?? 0),
  );
  if (acked <= leadership.ackedRound) return;
  leadership.ackedRound = acked;
  state.outbox.readStates.push(...leadership.reads.roundAcked(acked));
  if (leadership.mayHoldLease() && state.hasCommittedInTerm()) state.outbox.roundAcked = acked;
}

function wantsRound(state: RaftState, leadership: Leadership): boolean {
  if (leadership.roundWanted) return true;
  return leadership.reads.wantsRound() && state.hasCommittedInTerm();
}

function sendRound(state: RaftState, leadership: Leadership): void {
  state.lastRound += 1;
  const round = state.lastRound;
  leadership.roundWanted = false;
  leadership.heartbeatTicks = 0;
  leadership.lastRound = round;
  for (const follower of leadership.followers) {
    state.outbox.sendNow.push({
      kind: "heartbeat",
      from: state.self,
      to: follower.id,
      term: state.term,
      commit: logIndex(Math.min(follower.match, state.log.commit)),
      round,
    });
  }
  state.outbox.roundSent = round;
  if (state.hasCommittedInTerm()) leadership.reads.roundSent(round, state.log.commit);
  settleRounds(state, leadership);
}

function replicate(state: RaftState, follower: Progress): void {
  if (follower.isWaiting()) return;
  if (follower.next <= state.log.truncated.index) wantSnapshot(state, follower);
  else if (follower.state.kind === "probe") probe(state, follower);
  else stream(state, follower);
}

/** Only for a follower that answers: a state is too large to send into the void. */
function wantSnapshot(state: RaftState, follower: Progress): void {
  if (!follower.recentlyActive) return;
  follower.needSnapshot(state.log.truncated.index);
  state.outbox.snapshotsWanted.push(follower.id);
}

function probe(state: RaftState, follower: Progress): void {
  const { log, options } = state;
  const agreed = follower.next === follower.match + 1;
  const last = agreed
    ? entriesThatFit(state, follower.next, options.maxAppendBytes)
    : log.lastWithin(follower.next, Math.min(PROBE_BYTES, options.maxAppendBytes));
  sendAppend(state, follower, last);
  follower.probeSent();
}

function stream(state: RaftState, follower: Progress): void {
  const { log, options } = state;
  while (follower.next <= log.lastIndex && !follower.window.isFull()) {
    const first = follower.next;
    const last = entriesThatFit(state, first, options.maxAppendBytes);
    sendAppend(state, follower, last);
    follower.sent(last, log.bytesBetween(first, last));
  }
  const untold = follower.next > log.lastIndex && follower.toldCommit < log.commit;
  if (untold || follower.nudge) sendAppend(state, follower, logIndex(follower.next - 1));
}

/** The last entry of an append that starts at `first`: at least one, if there is any. */
function entriesThatFit(state: RaftState, first: LogIndex, bytes: number): LogIndex {
  const least = Math.min(first, state.log.lastIndex);
  return logIndex(Math.max(state.log.lastWithin(first, bytes), least));
}

/** Sends the entries from the follower's next to `last`, inclusive; none if `last` is below. */
function sendAppend(state: RaftState, follower: Progress, last: LogIndex): void {
  const prevIndex = logIndex(follower.next - 1);
  state.outbox.sendNow.push({
    kind: "append",
    from: state.self,
    to: follower.id,
    term: state.term,
    prevIndex,
    prevTerm: must(state.log.termAt(prevIndex), `N1: no term at ${prevIndex}`),
    commit: state.log.commit,
    entries: { first: follower.next, last },
  });
  follower.toldCommit = state.log.commit;
  follower.nudge = false;
}
