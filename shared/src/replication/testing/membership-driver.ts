/**
 * Moves the replicas of one group about as a master would: a new replica waits for its snapshot on another server,
 * becomes a learner, takes a voter's place through a joint config, and the old replica is destroyed. Damaged and
 * lost voters come first.
 */
import type { Member } from "../../raft/group-config.ts";
import { isJoint } from "../../raft/group-config.ts";
import type { ReplicaId, TabletId } from "../../ids.ts";
import { memberOf } from "../member-of.ts";
import type { Group, GroupStatus } from "../group.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedServer } from "./simulated-server.ts";

interface Plan {
  readonly old: Member;
  readonly new: Member;
  readonly target: SimulatedServer;
  readonly replacesDamaged: boolean;
}

interface Lead {
  readonly group: Group;
  readonly status: GroupStatus;
}

export class MembershipDriver {
  readonly tablet: TabletId;
  /** Of a hundred steps without a plan, so many begin one. */
  movePercent = 4;
  readonly #cluster: SimulatedCluster;
  #plan: Plan | null = null;
  /** Replicas that are in no config any more. */
  #doomed: Member[] = [];
  readonly #condemned = new Set<ReplicaId>();

  constructor(cluster: SimulatedCluster, tablet: TabletId) {
    this.#cluster = cluster;
    this.tablet = tablet;
  }

  get isIdle(): boolean {
    return this.#plan === null && this.#doomed.length === 0;
  }

  describe(): string {
    const lead = this.lead();
    const members = (list: readonly Member[]): string =>
      list.map((member) => `${member.replicaId} ${this.#stateOf(member)}`).join(" ");
    const { config, commit, lastIndex, followers } = lead?.status ?? {};
    const progress = followers?.map(({ member, match, state, recentlyActive }) => {
      return `${member.replicaId} ${state} ${match} ${recentlyActive}`;
    });
    return [
      `tablet ${this.tablet} led by ${lead?.status.replicaId}, ${commit} of ${lastIndex} committed`,
      `voters: ${members(config?.voters ?? [])}; outgoing: ${members(config?.outgoing ?? [])}`,
      `learners: ${members(config?.learners ?? [])}; followers: ${progress?.join(", ")}`,
      `plan: ${JSON.stringify(this.#plan?.old)} -> ${JSON.stringify(this.#plan?.new)}`,
      `doomed: ${members(this.#doomed)}`,
    ].join("; ");
  }

  /** Every voter is there and sound, and no change is under way. */
  get isWhole(): boolean {
    const lead = this.lead();
    if (lead === null || !this.isSettled(lead)) return false;
    const { voters, learners } = lead.status.config;
    return learners.length === 0 && voters.every((voter) => this.#stateOf(voter) === "sound");
  }

  /** Every voter has applied all that the leader has in its log. */
  hasAppliedAll(): boolean {
    const lead = this.lead();
    if (lead === null) return false;
    const { config, lastIndex } = lead.status;
    return config.voters.every(({ serverId }) => {
      const server = this.#cluster.servers.find(({ id }) => id === serverId);
      return server?.host?.group(this.tablet)?.status().applied === lastIndex;
    });
  }

  step(): void {
    this.#destroyDoomed();
    const lead = this.lead();
    if (lead === null) return;
    if (this.#plan !== null) {
      this.#advance(this.#plan, lead);
      return;
    }
    const { config } = lead.status;
    if (!this.isSettled(lead)) return;
    if (config.learners.length > 0) {
      lead.group.proposeConfig({ voters: config.voters, learners: [] }, lead.status.configIndex);
      return;
    }
    this.#maybePlan(lead);
  }

  /** Gives whether a transfer began. */
  maybeTransfer(): boolean {
    const { random, marks } = this.#cluster;
    const lead = this.lead();
    if (lead === null) return false;
    const { voters } = lead.status.config;
    const to = voters[random.below(voters.length)] as Member;
    if (to.replicaId === lead.status.replicaId) return false;
    const { term } = lead.status;
    if (lead.group.transferLeadership(to.replicaId).kind === "refused") return false;
    marks.add("transfer begun");
    this.#cluster.line.after(1_000, () => {
      const next = this.lead();
      if (next?.status.replicaId === to.replicaId && next.status.term === term + 1) {
        marks.add("transfer finished");
      }
    });
    return true;
  }

  /** The leader of the highest term, on a server that runs. */
  lead(): Lead | null {
    let best: Lead | null = null;
    for (const { host } of this.#cluster.servers) {
      const group = host?.group(this.tablet) ?? null;
      if (group === null) continue;
      const status = group.status();
      if (status.role !== "leader" || (best?.status.term ?? -1) > status.term) continue;
      best = { group, status };
    }
    return best;
  }

  /** No change is under way. */
  isSettled({ status }: Lead): boolean {
    return !isJoint(status.config) && status.configIndex <= status.commit;
  }

  /** Whether the group keeps all that it acknowledged, even if `server` loses everything. */
  canLose(server: SimulatedServer): boolean {
    const lead = this.lead();
    if (lead === null || this.#plan !== null || !this.isSettled(lead)) return false;
    const { config, configIndex } = lead.status;
    if (config.learners.length > 0) return false;
    const knowsMore = this.#cluster.servers.some(
      ({ host }) => (host?.group(this.tablet)?.status().configIndex ?? 0) > configIndex,
    );
    if (knowsMore) return false;
    return config.voters.every(
      (voter) => voter.serverId === server.id || this.#stateOf(voter) === "sound",
    );
  }

  #maybePlan(lead: Lead): void {
    const { random } = this.#cluster;
    const { voters } = lead.status.config;
    const broken = voters.find((voter) => this.#isLost(voter));
    if (broken !== undefined) this.#condemn(broken);
    else if (random.below(100) >= this.movePercent) return;
    const old = broken ?? (voters[random.below(voters.length)] as Member);
    const targets = this.#cluster.servers.filter(
      ({ id, host }) =>
        host !== null &&
        host.group(this.tablet) === null &&
        ![...host.suspects()].some(({ tabletId }) => tabletId === this.tablet) &&
        !voters.some(({ serverId, replicaId }) => serverId === id && replicaId !== old.replicaId),
    );
    const target = targets[random.below(Math.max(1, targets.length))];
    if (target === undefined) return;
    const added = { replicaId: this.#cluster.newReplicaId(), serverId: target.id };
    this.#plan = { old, new: added, target, replacesDamaged: broken !== undefined };
  }

  #advance(plan: Plan, { group, status }: Lead): void {
    const { marks } = this.#cluster;
    const { config, configIndex } = status;
    if (!this.isSettled({ group, status })) return;
    const isIn = (list: readonly Member[], { replicaId }: Member): boolean =>
      list.some((member) => member.replicaId === replicaId);
    if (isIn(config.voters, plan.new) && memberOf(config, plan.old.replicaId) === null) {
      marks.add(plan.replacesDamaged ? "damaged or lost voter replaced" : "voter moved");
      this.#condemn(plan.old);
      this.#plan = null;
      return;
    }
    if (plan.target.id !== plan.new.serverId || this.#stateOf(plan.new) === "broken") {
      // Lost on its way; a learner left in the config goes first (see `step`).
      this.#condemn(plan.new);
      this.#plan = null;
      return;
    }
    if (this.#stateOf(plan.new) === "absent") return this.#create(plan);
    if (!isIn(config.learners, plan.new)) {
      group.proposeConfig({ voters: config.voters, learners: [plan.new] }, configIndex);
      return;
    }
    const progress = status.followers.find(({ member }) => member.replicaId === plan.new.replicaId);
    if (progress?.state !== "replicate") return;
    const stay = config.voters.filter(({ replicaId }) => replicaId !== plan.old.replicaId);
    group.proposeConfig({ voters: [...stay, plan.new], learners: [] }, configIndex);
  }

  #create({ target, new: added }: Plan): void {
    const { host } = target;
    if (host === null) return;
    const isReturn = host.tombstones().has(this.tablet);
    const created = host.createReplica(this.tablet, added.replicaId, { kind: "await-snapshot" });
    created.then(
      (outcome) => {
        if (outcome === "created" && isReturn) {
          this.#cluster.marks.add("replica created where one was destroyed");
        }
      },
      () => undefined,
    );
  }

  #destroyDoomed(): void {
    const { servers, marks } = this.#cluster;
    for (const member of this.#doomed) {
      const server = servers.find(({ id }) => id === member.serverId);
      if (server === undefined) {
        this.#forget(member.replicaId);
        continue;
      }
      server.host?.destroyReplica(this.tablet, member.replicaId).then(
        () => {
          if (this.#forget(member.replicaId)) marks.add("replica destroyed");
        },
        () => undefined,
      );
    }
  }

  #condemn(member: Member): void {
    if (this.#condemned.has(member.replicaId)) return;
    this.#condemned.add(member.replicaId);
    this.#doomed.push(member);
  }

  /** A voter was there before it was one: it does not just vanish. */
  #isLost(voter: Member): boolean {
    const state = this.#stateOf(voter);
    if (state === "absent" && !this.#condemned.has(voter.replicaId)) {
      this.#cluster.violate(`tablet ${this.tablet}: voter ${voter.replicaId} vanished`);
    }
    return state === "broken" || state === "absent";
  }

  #forget(replica: ReplicaId): boolean {
    const before = this.#doomed.length;
    this.#doomed = this.#doomed.filter(({ replicaId }) => replicaId !== replica);
    return this.#doomed.length < before;
  }

  /** `broken`: damaged, or gone with its disk. `absent`: its server runs and does not have it. */
  #stateOf({ replicaId, serverId }: Member): "sound" | "broken" | "absent" | "unknown" {
    const server = this.#cluster.servers.find(({ id }) => id === serverId);
    if (server === undefined) return "broken";
    const { host } = server;
    if (host === null) return "unknown";
    if ([...host.suspects()].some((suspect) => suspect.replicaId === replicaId)) return "broken";
    if (server.tainted) return "unknown";
    return host.group(this.tablet)?.replicaId === replicaId ? "sound" : "absent";
  }
}
