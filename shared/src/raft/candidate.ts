/**
 * Elections, from the side of who wants to lead (Raft paper, section 5.2; pre-vote: dissertation,
 * section 9.6).
 *
 * E1. A pre-vote changes no term and no vote, on neither side.
 * E2. Vote requests leave, and the own vote counts, only once term and vote are durable.
 * E3. Only voters of the candidate's own config count; in a joint config both halves must agree.
 */
import { term } from "../ids.ts";
import { isSoleVoter, isVoter, votersOf } from "./group-config.ts";
import { startLeadership } from "./leader.ts";
import type { PreVoteReply, VoteReply } from "./messages.ts";
import { quorumVote } from "./quorum.ts";
import type { RaftState } from "./raft-state.ts";

/** Ticks over which followers that lost their leader together spread their campaigns. */
const STAGGER_TICKS = 4;

/** Counts one tick of a replica that does not lead; may start a campaign. */
export function tickElection(state: RaftState): void {
  state.electionElapsed += 1;
  if (state.promiseLeft > 0 || !state.isPromotable()) return;
  // Nobody else can lead, so there is nothing to wait for.
  const alone = state.role.kind === "follower" && isSoleVoter(state.config, state.self);
  if (alone || state.electionElapsed >= state.electionTimeout) campaign(state);
}

/** Campaigns as soon as the promise to the last leader allows. */
export function campaignSoon(state: RaftState): void {
  if (state.role.kind === "leader" || !state.isPromotable()) return;
  if (state.promiseLeft === 0) campaign(state);
  else hastenElection(state, state.promiseLeft);
}

/** The leader's server is down: no need to wait for the whole election timeout. */
export function leaderUnreachable(state: RaftState): void {
  if (state.role.kind !== "follower" || state.leaderLost) return;
  state.leaderLost = true;
  const stagger = state.options.random.below(STAGGER_TICKS);
  hastenElection(state, state.promiseLeft + 1 + stagger);
}

/** The leader asks for this campaign; its followers' promises do not bind (see `Vote.transfer`). */
export function campaignForTransfer(state: RaftState): void {
  if (state.isPromotable()) requestVotes(state, "transfer");
}

export function onPreVoteReply(state: RaftState, reply: PreVoteReply): void {
  if (state.role.kind !== "pre-candidate") return;
  if (!isVoter(state.config, reply.from)) return;
  // A grant names the term asked for, a refusal the refuser's own.
  if (reply.term !== (reply.granted ? state.term + 1 : state.term)) return;
  state.role.votes.set(reply.from, reply.granted);
  const result = quorumVote(state.config, state.role.votes);
  if (result === "won") requestVotes(state, "ordinary");
  if (result === "lost") state.becomeFollower(state.term, null);
}

export function onVoteReply(state: RaftState, reply: VoteReply): void {
  if (state.role.kind !== "candidate") return;
  if (!isVoter(state.config, reply.from)) return;
  state.role.votes.set(reply.from, reply.granted);
  settleElection(state);
}

/** Term and vote of a completed write; counts the own vote (E2). */
export function countDurableVote(state: RaftState): void {
  if (state.role.kind !== "candidate") return;
  const { durable, self, term: current } = state;
  if (durable.term !== current || durable.vote !== self) return;
  if (isVoter(state.config, self)) state.role.votes.set(self, true);
  settleElection(state);
}

function campaign(state: RaftState): void {
  // The last campaign has not even left: its vote is still being written.
  if (state.role.kind === "candidate" && !state.isTermDurable()) return;
  if (isSoleVoter(state.config, state.self)) requestVotes(state, "ordinary");
  else requestPreVotes(state);
}

function requestPreVotes(state: RaftState): void {
  state.becomePreCandidate();
  for (const { replicaId: to } of votersOf(state.config)) {
    if (to === state.self) continue;
    state.outbox.sendNow.push({
      kind: "pre-vote",
      from: state.self,
      to,
      term: term(state.term + 1),
      lastIndex: state.log.lastIndex,
      lastTerm: state.log.lastTerm,
    });
  }
}

function requestVotes(state: RaftState, reason: "ordinary" | "transfer"): void {
  state.becomeCandidate();
  for (const { replicaId: to } of votersOf(state.config)) {
    if (to === state.self) continue;
    state.outbox.sendAfterPersist.push({
      kind: "vote",
      from: state.self,
      to,
      term: state.term,
      lastIndex: state.log.lastIndex,
      lastTerm: state.log.lastTerm,
      transfer: reason === "transfer",
    });
  }
}

function settleElection(state: RaftState): void {
  if (state.role.kind !== "candidate") return;
  const result = quorumVote(state.config, state.role.votes);
  if (result === "won") startLeadership(state);
  if (result === "lost") state.becomeFollower(state.term, null);
}

/** Lets the election timeout elapse in `ticks` ticks, unless it does so earlier. */
function hastenElection(state: RaftState, ticks: number): void {
  state.electionElapsed = Math.max(state.electionElapsed, state.electionTimeout - ticks);
}
