/**
 * What a leader does with time, proposals and the answers of its followers (Raft paper, sections
 * 5.3 and 5.4; dissertation, sections 3.10, 6.2 and 6.4).
 *
 * A1. An entry is committed once it is durable on a quorum and of the current term (figure 8). The
 *     leader counts itself like everybody else: once its own write is durable.
 * A2. A leader that no quorum answers within an election timeout steps down.
 * A3. While leadership is being transferred, or the leader itself is leaving, nothing is proposed:
 *     otherwise the successor would never catch up.
 */
import type { LogIndex, ReplicaId } from "../ids.ts";
import { isVoter } from "./group-config.ts";
import type { ConfigTarget } from "./group-config.ts";
import type { Leadership } from "./leadership.ts";
import { leaveJointConfig, proposeChange, resignIfRemoved } from "./membership.ts";
import type { ConfigRefusal } from "./membership.ts";
import type { AppendReply, HeartbeatReply } from "./messages.ts";
import { appendOwn } from "./own-entries.ts";
import type { Proposed } from "./own-entries.ts";
import type { Progress } from "./progress.ts";
import { isQuorum, quorumValue } from "./quorum.ts";
import type { RaftState } from "./raft-state.ts";
import { settleRounds } from "./replication.ts";

export type ProposalRefusal =
  | "not-leader"
  /** Leadership is on its way to another replica. */
  | "transferring"
  /** The leader is no voter of the config that is about to be committed. */
  | "leaving"
  /** Too many uncommitted bytes. */
  | "overloaded";

export type TransferRefusal =
  | "not-leader"
  /** Another transfer is under way. */
  | "transferring"
  | "leaving"
  /** Leads already. */
  | "is-leader"
  | "not-a-voter";

/** The candidate won. An empty entry opens its term: with it everything before gets committed. */
export function startLeadership(state: RaftState): void {
  const leadership = state.becomeLeader();
  appendOwn(state, leadership, "empty", [Buffer.alloc(0)]);
}

export function tickLeader(state: RaftState, leadership: Leadership): void {
  const { heartbeatTicks, electionMinTicks } = state.options;
  if (leadership.transfer !== null) {
    leadership.transfer.ticks += 1;
    if (leadership.transfer.ticks >= electionMinTicks) abortTransfer(state, leadership);
  }
  leadership.quorumCheckTicks += 1;
  if (leadership.quorumCheckTicks >= electionMinTicks) {
    leadership.quorumCheckTicks = 0;
    if (!hadActiveQuorum(state, leadership)) {
      state.becomeFollower(state.term, null);
      return;
    }
  }
  leadership.heartbeatTicks += 1;
  if (leadership.heartbeatTicks >= heartbeatTicks) leadership.roundWanted = true;
}

export function propose(
  state: RaftState,
  leadership: Leadership,
  payloads: readonly Buffer[],
): Proposed | ProposalRefusal {
  const refusal = refusalNow(state, leadership);
  if (refusal !== null) return refusal;
  const bytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  const held = leadership.uncommittedBytes;
  // With nothing under way a proposal of any size is taken, or it could never be.
  if (held > 0 && held + bytes > state.options.maxUncommittedBytes) return "overloaded";
  return appendOwn(state, leadership, "command", payloads);
}

export function proposeConfig(
  state: RaftState,
  leadership: Leadership,
  target: ConfigTarget,
  expectedConfigIndex: LogIndex,
): Proposed | ProposalRefusal | ConfigRefusal {
  const refusal = refusalNow(state, leadership);
  if (refusal !== null) return refusal;
  return proposeChange(state, leadership, target, expectedConfigIndex);
}

/** Returns null if the transfer is under way. It fails silently after one election timeout. */
export function transferLeadership(
  state: RaftState,
  leadership: Leadership,
  to: ReplicaId,
): TransferRefusal | null {
  const { transfer } = leadership;
  if (transfer !== null) return transfer.to === to ? null : "transferring";
  if (to === state.self) return "is-leader";
  if (!isVoter(state.config, state.self)) return "leaving";
  if (!state.config.voters.some((voter) => voter.replicaId === to)) return "not-a-voter";
  leadership.transfer = { to, ticks: 0, timeoutNow: "unsent" };
  state.outbox.roundAcked = null;
  const target = leadership.mustFollower(to);
  target.nudge = true;
  leadership.appendsWanted = true;
  handOverWhenCaughtUp(state, leadership, target);
  return null;
}

export function onAppendReply(state: RaftState, leadership: Leadership, reply: AppendReply): void {
  const follower = leadership.follower(reply.from);
  if (follower === undefined) return;
  const { log } = state;
  const { outcome } = reply;
  follower.recentlyActive = true;
  leadership.appendsWanted = true;
  if (outcome.kind === "rejected") {
    const hint = log.lastPossibleMatch(outcome.hintIndex, outcome.hintTerm);
    follower.rejected(outcome.prevIndex, hint);
    return;
  }
  // Nothing beyond the leader's own log can have been accepted in its term.
  if (outcome.match > log.lastIndex) return;
  const moved = follower.accepted(outcome.match);
  if (moved || outcome.match === follower.match) resumeStreaming(state, follower);
  if (moved) advanceCommit(state, leadership);
  if (state.role.kind === "leader") handOverWhenCaughtUp(state, leadership, follower);
}

export function onHeartbeatReply(
  state: RaftState,
  leadership: Leadership,
  reply: HeartbeatReply,
): void {
  const follower = leadership.follower(reply.from);
  if (follower === undefined || reply.round > leadership.lastRound) return;
  follower.recentlyActive = true;
  follower.ackedRound = Math.max(follower.ackedRound, reply.round);
  follower.probeAgain();
  if (follower.match < state.log.lastIndex) follower.nudge = true;
  leadership.appendsWanted = true;
  settleRounds(state, leadership);
}

/** A message to it may be lost: what is in flight counts for nothing. */
export function onUnreachable(leadership: Leadership, id: ReplicaId): void {
  const follower = leadership.follower(id);
  if (follower?.state.kind === "replicate") follower.probeWhenItAnswers(follower.match + 1);
}

export function onSnapshotDone(
  state: RaftState,
  leadership: Leadership,
  id: ReplicaId,
  outcome: "installed" | "failed",
): void {
  const follower = leadership.follower(id);
  if (follower?.state.kind !== "snapshot") return;
  // Its own acknowledgement tells how far it is; until then this is the least it can have.
  if (outcome === "installed") follower.probe(state.log.truncated.index + 1);
  else follower.probeWhenItAnswers(follower.match + 1);
  leadership.appendsWanted = true;
}

/** Commits what a quorum holds, and does what the commit of a config brings with it. */
export function advanceCommit(state: RaftState, leadership: Leadership): void {
  do {
    commitQuorum(state, leadership);
  } while (leaveJointConfig(state, leadership));
  resignIfRemoved(state, leadership);
}

function commitQuorum(state: RaftState, leadership: Leadership): void {
  const { log } = state;
  const reached = quorumValue(state.config, (id) =>
    id === state.self ? log.stable : leadership.mustFollower(id).match,
  );
  if (!log.matches(reached, state.term)) return;
  const before = log.commit;
  if (!log.commitTo(reached)) return;
  leadership.uncommittedBytes -= log.bytesBetween(before + 1, reached);
  leadership.appendsWanted = true;
}

function refusalNow(state: RaftState, leadership: Leadership): "transferring" | "leaving" | null {
  if (leadership.transfer !== null) return "transferring";
  return isVoter(state.config, state.self) ? null : "leaving";
}

function resumeStreaming(state: RaftState, follower: Progress): void {
  if (follower.state.kind === "probe") follower.replicate();
  if (follower.state.kind === "snapshot" && follower.match >= state.log.truncated.index) {
    follower.replicate();
  }
}

function hadActiveQuorum(state: RaftState, leadership: Leadership): boolean {
  const active = isQuorum(
    state.config,
    (id) => id === state.self || leadership.mustFollower(id).recentlyActive,
  );
  for (const follower of leadership.followers) follower.beginPeriod();
  return active;
}

/** Not before the successor has the whole log: it could not win, and the group would stand still. */
function handOverWhenCaughtUp(state: RaftState, leadership: Leadership, follower: Progress): void {
  const { transfer } = leadership;
  if (transfer === null || transfer.to !== follower.id) return;
  if (transfer.timeoutNow === "sent" || follower.match !== state.log.lastIndex) return;
  transfer.timeoutNow = "sent";
  leadership.handedOver = true;
  const { self: from, term } = state;
  state.outbox.sendNow.push({ kind: "timeout-now", from, to: follower.id, term });
}

function abortTransfer(state: RaftState, leadership: Leadership): void {
  leadership.transfer = null;
  advanceCommit(state, leadership);
}
