/**
 * One message into the state: first the rules about terms that hold for every role (Raft paper,
 * section 5.1), then the handler of its kind.
 *
 * X1. A higher term makes any replica a follower; exempt are requests for votes (see `voter.ts`)
 *     and granted pre-votes, whose term nobody has reached yet.
 * X2. A message of a lower term does nothing but tell its sender, where that helps it.
 * X3. An answer from a replica outside the config is dropped before it can change the term.
 */
import { unreachable } from "../assert.ts";
import { onPreVoteReply, onVoteReply } from "./candidate.ts";
import { onAppend, onHeartbeat, onSnapshot, onStaleLeader, onTimeoutNow } from "./follower.ts";
import { isMember } from "./group-config.ts";
import { onAppendReply, onHeartbeatReply } from "./leader.ts";
import type { PreVote, RaftMessage, Vote } from "./messages.ts";
import type { RaftState } from "./raft-state.ts";
import { onCampaign } from "./voter.ts";

/** Takes a well-formed message. */
export function step(state: RaftState, message: RaftMessage): void {
  if (message.kind === "pre-vote" || message.kind === "vote") {
    onCampaign(state, message);
    return;
  }
  if (isReply(message) && !isMember(state.config, message.from)) return;
  if (message.term < state.term) {
    if (isFromLeader(message)) onStaleLeader(state, message);
    return;
  }
  if (message.term > state.term && !isGrantedPreVote(message)) {
    state.becomeFollower(message.term, isFromLeader(message) ? message.from : null);
  }
  dispatch(state, message);
}

type NotCampaign = Exclude<RaftMessage, PreVote | Vote>;
type FromLeader = Extract<RaftMessage, { kind: "append" | "heartbeat" | "snapshot" }>;

function dispatch(state: RaftState, message: NotCampaign): void {
  const leadership = state.role.kind === "leader" ? state.role.leadership : null;
  switch (message.kind) {
    case "append":
      return onAppend(state, message);
    case "heartbeat":
      return onHeartbeat(state, message);
    case "snapshot":
      return onSnapshot(state, message);
    case "timeout-now":
      return onTimeoutNow(state, message);
    case "pre-vote-reply":
      return onPreVoteReply(state, message);
    case "vote-reply":
      return onVoteReply(state, message);
    case "append-reply":
      return leadership === null ? undefined : onAppendReply(state, leadership, message);
    case "heartbeat-reply":
      return leadership === null ? undefined : onHeartbeatReply(state, leadership, message);
    default:
      return unreachable(message);
  }
}

function isReply(message: NotCampaign): boolean {
  return (
    message.kind === "pre-vote-reply" ||
    message.kind === "vote-reply" ||
    message.kind === "append-reply" ||
    message.kind === "heartbeat-reply"
  );
}

function isFromLeader(message: NotCampaign): message is FromLeader {
  return message.kind === "append" || message.kind === "heartbeat" || message.kind === "snapshot";
}

function isGrantedPreVote(message: NotCampaign): boolean {
  return message.kind === "pre-vote-reply" && message.granted;
}
