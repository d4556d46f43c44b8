/**
 * Config changes by joint consensus (Raft paper, section 6; dissertation, sections 4.2 to 4.3).
 *
 *   {voters: old} --propose--> {voters: new, outgoing: old} --committed--> {voters: new}
 *
 * M1. A config is in force from its append on, at the leader and at every follower.
 * M2. None is proposed before the leader has committed in its own term (Ongaro 2015: the single-step
 *     bug), nor while another is uncommitted or joint.
 * M3. Whoever leads once the joint config is committed proposes to leave it, once.
 * M4. A change that leaves the voters as they are needs no joint config: quorums stay the same.
 * M5. A leader that is no voter of the new config leads until that config is committed, then hands
 *     over to a voter that has the whole log and steps down.
 */
import type { LogIndex, ReplicaId } from "../ids.ts";
import { encodeGroupConfig } from "./group-config-codec.ts";
import {
  isJoint,
  isVoter,
  normalizeGroupConfig,
  problemOfGroupConfig,
  sameMembers,
} from "./group-config.ts";
import type { ConfigTarget, GroupConfig } from "./group-config.ts";
import type { Leadership } from "./leadership.ts";
import { appendOwn } from "./own-entries.ts";
import type { Proposed } from "./own-entries.ts";
import type { RaftState } from "./raft-state.ts";
import { sendAppends } from "./replication.ts";

export type ConfigRefusal =
  /** A change is uncommitted, or the joint config is not left yet. */
  | "pending-change"
  /** The config in force is another than the caller knows. */
  | "config-index-mismatch"
  | "own-term-not-committed"
  | "no-change"
  | "invalid-config";

/** Puts the first config of the change in force and proposes it, or says why not. */
export function proposeChange(
  state: RaftState,
  leadership: Leadership,
  target: ConfigTarget,
  expectedConfigIndex: LogIndex,
): Proposed | ConfigRefusal {
  const { index, config } = state.configs.current;
  if (!state.hasCommittedInTerm()) return "own-term-not-committed";
  if (isJoint(config) || index > state.log.commit) return "pending-change";
  if (index !== expectedConfigIndex) return "config-index-mismatch";
  const plain = normalizeGroupConfig({ ...target, outgoing: [] });
  const joint = { ...plain, outgoing: config.voters };
  if (problemOfGroupConfig(plain) !== null) return "invalid-config";
  if (problemOfGroupConfig(joint) !== null) return "invalid-config";
  if (!sameMembers(plain.voters, config.voters)) return appendConfig(state, leadership, joint);
  if (sameMembers(plain.learners, config.learners)) return "no-change";
  return appendConfig(state, leadership, plain);
}

/** M3. Returns whether the config changed, and with it what a quorum is. */
export function leaveJointConfig(state: RaftState, leadership: Leadership): boolean {
  const { index, config } = state.configs.current;
  if (!isJoint(config) || index > state.log.commit || leadership.transfer !== null) return false;
  if (!state.hasCommittedInTerm()) return false;
  appendConfig(state, leadership, { ...config, outgoing: [] });
  return true;
}

/** M5. */
export function resignIfRemoved(state: RaftState, leadership: Leadership): void {
  const { index, config } = state.configs.current;
  if (isVoter(config, state.self) || index > state.log.commit) return;
  // The others hear of the commit before anyone asks for their vote.
  sendAppends(state, leadership);
  const successor = successorOf(state, leadership);
  if (successor !== undefined) {
    state.outbox.sendNow.push({
      kind: "timeout-now",
      from: state.self,
      to: successor,
      term: state.term,
    });
  }
  state.becomeFollower(state.term, null);
}

/** A voter that has the whole log, preferably one that answers. */
function successorOf(state: RaftState, leadership: Leadership): ReplicaId | undefined {
  const able = leadership.followers.filter(
    (follower) => isVoter(state.config, follower.id) && follower.match === state.log.lastIndex,
  );
  return (able.find((follower) => follower.recentlyActive) ?? able[0])?.id;
}

function appendConfig(state: RaftState, leadership: Leadership, config: GroupConfig): Proposed {
  const proposed = appendOwn(state, leadership, "config", [encodeGroupConfig(config)]);
  state.configs.append(proposed.first, config);
  leadership.follow(config, state.log.lastIndex);
  return proposed;
}
