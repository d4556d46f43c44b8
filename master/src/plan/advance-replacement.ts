/**
 * Takes a running replacement one step further, or undoes it. Where it stands is read off the config:
 *
 *     newcomer absent -> create it -> waiting -> add as learner -> catches up
 *                     -> one joint change {+newcomer, -lost} -> finished
 *
 * R1. The tablet never has fewer voters than before: the lost one leaves in the change that lets the
 *     newcomer vote.
 * R2. When the newcomer dies before it votes, or the lost one comes back first, the replacement is undone: the
 *     learner is taken out of the config, and the newcomer destroyed.
 * R3. A damaged replica is destroyed before its successor is made on the same server, and only while a leader
 *     commits without it: it neither votes nor acknowledges, so nothing is lost.
 */
import type { Member } from "@stele/shared/raft/group-config.ts";
import { isJoint, membersOf, type ReplacementRow } from "../catalog/rows.ts";
import type { ReportedReplica } from "../reports.ts";
import type { Plan, Situation } from "./plan.ts";
import { destroyStep } from "./remove-orphans.ts";
import { lossOf } from "./replace-lost-replica.ts";
import { addConfigStep, createReplicaStep } from "./steps.ts";

export function advanceReplacement(situation: Situation, row: ReplacementRow, plan: Plan): void {
  const { config } = situation.tablet;
  if (isJoint(config)) return;
  const newcomerIn = isIn(membersOf(config), row.newcomer);
  const lostIn = isIn(config.voters, row.lost);
  if (
    isIn(config.voters, row.newcomer) ? !lostIn : !newcomerIn && (row.aborting !== null || !lostIn)
  ) {
    plan.commands.push({ kind: "finish-replacement", operationId: row.operationId });
    return decide(situation, row, plan, row.aborting === null ? "finished" : "undone");
  }
  if (row.aborting !== null) return undo(situation, row, plan);
  const reason = reasonToAbort(situation, row);
  if (reason !== null) {
    plan.commands.push({ kind: "abort-replacement", operationId: row.operationId, reason });
    return decide(situation, row, plan, `given up: ${reason}`);
  }
  if (newcomerIn) promote(situation, row, plan);
  else bringIn(situation, row, plan);
}

function undo({ tablet, leader }: Situation, row: ReplacementRow, plan: Plan): void {
  if (leader === null || leader.configIndex !== tablet.configIndex) return;
  const { voters, learners } = tablet.config;
  addConfigStep(plan, leader, { voters, learners: without(learners, row.newcomer) });
}

function reasonToAbort(situation: Situation, row: ReplacementRow): string | null {
  const { tablet, reported, world } = situation;
  const loss = lossOf(situation, row.newcomer);
  if (loss !== null) return loss.reason;
  if (!isIn(tablet.config.voters, row.lost)) return "the lost replica is no voter any more";
  const isBack =
    reported.get(row.lost.replicaId)?.state === "running" &&
    world.isLive(row.lost.serverId) &&
    lossOf(situation, row.lost) === null;
  return isBack && !isCaughtUp(situation, row) ? "the lost replica came back" : null;
}

function bringIn(situation: Situation, row: ReplacementRow, plan: Plan): void {
  const { world, tablet, table, reported, leader } = situation;
  const { newcomer, lost } = row;
  if (reported.has(newcomer.replicaId)) {
    if (leader === null || leader.configIndex !== tablet.configIndex) return;
    const { voters, learners } = tablet.config;
    return addConfigStep(plan, leader, { voters, learners: [...learners, newcomer] });
  }
  if (!world.isLive(newcomer.serverId) || !world.reports.knows(newcomer.serverId)) return;
  if (newcomer.serverId === lost.serverId && reported.has(lost.replicaId)) {
    if (leader === null || !commitsWithout(leader, lost)) return;
    plan.steps.push(destroyStep({ tabletId: tablet.tabletId, ...lost }));
    return;
  }
  const step = createReplicaStep(tablet, table, newcomer.replicaId, null, false);
  plan.steps.push({ serverId: newcomer.serverId, step });
}

function promote(situation: Situation, row: ReplacementRow, plan: Plan): void {
  const { tablet, leader } = situation;
  if (leader === null || leader.configIndex !== tablet.configIndex) return;
  if (!isCaughtUp(situation, row)) return;
  const { voters, learners } = tablet.config;
  addConfigStep(plan, leader, {
    voters: [...without(voters, row.lost), row.newcomer],
    learners: without(learners, row.newcomer),
  });
}

function isCaughtUp({ world, leader }: Situation, row: ReplacementRow): boolean {
  const progress = progressOf(leader, row.newcomer);
  if (leader === null || progress === undefined) return false;
  const behind = leader.commit - progress.match;
  return (
    progress.active && progress.state === "replicate" && behind <= world.limits.caughtUpEntries
  );
}

/** R3: a majority of the voters answers the leader, not counting the lost one. */
function commitsWithout(leader: ReportedReplica, lost: Member): boolean {
  const { voters } = leader.config;
  const answering = voters.filter(
    (voter) =>
      voter.replicaId !== lost.replicaId &&
      (voter.replicaId === leader.replicaId || progressOf(leader, voter)?.active === true),
  );
  return answering.length * 2 > voters.length;
}

function progressOf(
  leader: ReportedReplica | null,
  member: Member,
): ReportedReplica["followers"][number] | undefined {
  return leader?.followers.find((follower) => follower.replicaId === member.replicaId);
}

function decide(situation: Situation, row: ReplacementRow, plan: Plan, reason: string): void {
  plan.decisions.push({
    rule: "replace-lost-replica",
    subject: `replica ${row.lost.replicaId} of tablet ${situation.tablet.tabletId}`,
    outcome: "acts",
    reason: `replacement by ${row.newcomer.replicaId} ${reason}`,
  });
}

const isIn = (members: readonly Member[], { replicaId }: Member): boolean =>
  members.some((member) => member.replicaId === replicaId);

const without = (members: readonly Member[], { replicaId }: Member): Member[] =>
  members.filter((member) => member.replicaId !== replicaId);
