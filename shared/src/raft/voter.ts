/**
 * Elections, from the side of who is asked (Raft paper, sections 5.2 and 5.4.1).
 *
 * V1. Whoever is asked answers, learner or not: it may be a voter without knowing yet.
 * V2. While a leader may rely on this replica, a campaign for a higher term is not even answered,
 *     and the term stays: a disconnected replica cannot depose a leader that works. Only a
 *     campaign that the leader itself asked for is exempt.
 * V3. A request of a lower term is refused with the own term, or the sender stays behind for ever.
 */
import type { PreVote, Vote } from "./messages.ts";
import type { RaftState } from "./raft-state.ts";

export function onCampaign(state: RaftState, request: PreVote | Vote): void {
  const newer = request.term > state.term;
  if (newer && state.isPromised() && !isTransfer(request)) return;
  if (newer && request.kind === "vote") state.becomeFollower(request.term, null);
  const granted = isFree(state, request) && isEligible(state, request);
  if (granted && request.kind === "vote") {
    state.vote = request.from;
    state.electionElapsed = 0;
  }
  state.outbox.sendAfterPersist.push({
    kind: request.kind === "vote" ? "vote-reply" : "pre-vote-reply",
    from: state.self,
    to: request.from,
    term: granted ? request.term : state.term,
    granted,
  });
}

/** Whether nobody else has a claim on this replica's vote in that term. */
function isFree(state: RaftState, request: PreVote | Vote): boolean {
  if (request.term < state.term) return false;
  // Only a pre-vote is still ahead here. Its promise was checked, or there is none.
  if (request.term > state.term) return true;
  if (state.vote === request.from) return true;
  if (state.vote !== null || state.leader !== null) return false;
  return isTransfer(request) || !state.isPromised();
}

function isEligible(state: RaftState, request: PreVote | Vote): boolean {
  return state.log.isUpToDate(request.lastTerm, request.lastIndex);
}

function isTransfer(request: PreVote | Vote): boolean {
  return request.kind === "vote" && request.transfer;
}
