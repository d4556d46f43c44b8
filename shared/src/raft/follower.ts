/**
 * What a leader's messages do to a replica that follows it (Raft paper, section 5.3 and 7).
 *
 * F1. Entries are dropped only from the first one that conflicts: a short, late or repeated append
 *     proves nothing about what lies behind it.
 * F2. The commit index moves only over entries known to equal the leader's: those that an append
 *     or its previous index vouched for, not whatever the log holds.
 * F3. Acknowledgements and refusals leave once everything they speak of is durable.
 */
import { logIndex, term } from "../ids.ts";
import type { LogIndex, ReplicaId } from "../ids.ts";
import { campaignForTransfer } from "./candidate.ts";
import { decodeGroupConfig } from "./group-config-codec.ts";
import type { Append, AppendReply, Heartbeat, SnapshotOffer, TimeoutNow } from "./messages.ts";
import type { RaftState } from "./raft-state.ts";

export function onAppend(state: RaftState, append: Append): void {
  state.hearLeader(append.from);
  reply(state, append.from, appendEntries(state, append));
}

export function onHeartbeat(state: RaftState, heartbeat: Heartbeat): void {
  state.hearLeader(heartbeat.from);
  state.log.commitTo(heartbeat.commit);
  answerHeartbeat(state, heartbeat);
}

export function onSnapshot(state: RaftState, offer: SnapshotOffer): void {
  state.hearLeader(offer.from);
  reply(state, offer.from, { kind: "accepted", match: restore(state, offer) });
}

export function onTimeoutNow(state: RaftState, message: TimeoutNow): void {
  if (state.role.kind === "leader") return;
  if (state.leader === null || state.leader === message.from) campaignForTransfer(state);
}

/**
 * A leader of a lower term is told of the current one: it steps down, and this replica, which it
 * could otherwise never reach again, rejoins. A snapshot it sent is still worth having, since the
 * state it holds is committed.
 */
export function onStaleLeader(state: RaftState, message: Append | Heartbeat | SnapshotOffer): void {
  if (message.kind === "heartbeat") {
    answerHeartbeat(state, message);
  } else if (message.kind === "append" || state.role.kind === "leader") {
    // The term is the whole answer.
    reply(state, message.from, { kind: "accepted", match: logIndex(0) });
  } else {
    const match = restore(state, message);
    reply(state, message.from, { kind: "accepted", match });
    if (state.leader !== null && state.leader !== message.from) {
      reply(state, state.leader, { kind: "accepted", match });
    }
  }
}

function appendEntries(state: RaftState, append: Append): AppendReply["outcome"] {
  const { log } = state;
  if (append.prevIndex < log.commit) return { kind: "accepted", match: log.commit };
  if (!log.matches(append.prevIndex, append.prevTerm) || awaitsSnapshot(state)) {
    return refuse(state, append);
  }
  const firstNew = append.entries.findIndex((entry) => !log.matches(entry.index, entry.term));
  const fresh = firstNew === -1 ? [] : append.entries.slice(firstNew);
  if (fresh[0] !== undefined) {
    log.truncateFrom(fresh[0].index);
    state.configs.truncateFrom(fresh[0].index);
    log.append(fresh);
    for (const entry of fresh) {
      if (entry.kind !== "config") continue;
      state.configs.append(entry.index, decodeGroupConfig(entry.payload));
    }
  }
  const match = logIndex(append.prevIndex + append.entries.length);
  log.commitTo(Math.min(append.commit, match));
  return { kind: "accepted", match };
}

/** Without a state and a config to begin with, entries mean nothing. */
function awaitsSnapshot(state: RaftState): boolean {
  return state.config.voters.length === 0;
}

/** Names the last place where the two logs may agree, so that both sides skip whole terms. */
function refuse(state: RaftState, append: Append): AppendReply["outcome"] {
  const { log } = state;
  const hintIndex = log.lastPossibleMatch(append.prevIndex, append.prevTerm);
  const hintTerm = log.termAt(hintIndex) ?? term(0);
  return { kind: "rejected", prevIndex: append.prevIndex, hintIndex, hintTerm };
}

/** Returns up to where the log now equals the leader's. */
function restore(state: RaftState, offer: SnapshotOffer): LogIndex {
  const { log } = state;
  if (offer.index <= log.commit) return log.commit;
  if (log.matches(offer.index, offer.indexTerm)) {
    log.commitTo(offer.index);
    return offer.index;
  }
  // Votes were asked for with the old log; whoever holds a committed state need not win.
  if (state.role.kind !== "follower") state.becomeFollower(state.term, null);
  log.resetTo({ index: offer.index, term: offer.indexTerm });
  state.configs.reset({ index: offer.configIndex, config: offer.config });
  state.pendingSnapshot = offer;
  return offer.index;
}

/** Says only "I follow you in this term", which entries still being written do not change. */
function answerHeartbeat(state: RaftState, heartbeat: Heartbeat): void {
  const { outbox } = state;
  const lane = state.isTermDurable() ? outbox.sendNow : outbox.sendAfterPersist;
  lane.push({
    kind: "heartbeat-reply",
    from: state.self,
    to: heartbeat.from,
    term: state.term,
    round: heartbeat.round,
  });
}

function reply(state: RaftState, to: ReplicaId, outcome: AppendReply["outcome"]): void {
  state.outbox.sendAfterPersist.push({
    kind: "append-reply",
    from: state.self,
    to,
    term: state.term,
    outcome,
  });
}
