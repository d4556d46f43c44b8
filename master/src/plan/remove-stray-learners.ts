/**
 * A learner without a running replacement slipped in behind one that was given up (its step was already
 * under way): the leader is asked to leave it out again.
 */
import { isJoint } from "../catalog/rows.ts";
import type { Plan, Situation } from "./plan.ts";
import { addConfigStep } from "./steps.ts";

export function removeStrayLearners({ tablet, leader }: Situation, plan: Plan): void {
  const { config } = tablet;
  if (config.learners.length === 0 || isJoint(config) || leader === null) return;
  if (leader.configIndex !== tablet.configIndex) return;
  addConfigStep(plan, leader, { voters: config.voters, learners: [] });
  plan.decisions.push({
    rule: "remove-stray-learners",
    subject: `tablet ${tablet.tabletId}`,
    outcome: "acts",
    reason: `no operation wants learner ${config.learners.map((m) => m.replicaId).join(", ")}`,
  });
}
