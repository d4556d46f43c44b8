/**
 * A tiny model of tablet servers for testing the planner: servers that take steps and report, and for each
 * tablet the truth that Raft would establish. No log and no messages: what matters here is which replicas
 * exist, which config is committed or merely appended, and who leads.
 *
 * The model refuses what real servers refuse, and throws where a step would do harm:
 * X1. No replica id is created twice.
 * X2. No replica that votes in an active or committed config is destroyed, unless it is damaged and the
 *     others have a majority.
 * X3. No config is proposed in which the voters that have their data are no majority.
 * X4. No config is proposed with fewer voters than before.
 * X5. No replica is made a voter before it has the tablet's data.
 */
import { assert, must } from "@stele/shared/assert.ts";
import {
  logIndex,
  replicaId,
  serverId,
  tabletId,
  type LogIndex,
  type ReplicaId,
  type ServerId,
  type TabletId,
} from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import type { Random } from "@stele/shared/random.ts";
import { GROUP_START } from "@stele/shared/replication/replica-table.ts";
import type { HeartbeatRequest, ReplicaReport, Step } from "@stele/shared/wire/heartbeat.ts";
import { membersOf } from "../catalog/rows.ts";

interface PlacedConfig {
  readonly config: GroupConfig;
  readonly index: LogIndex;
}

interface ModelReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly generation: number;
  state: ReplicaReport["state"];
  known: PlacedConfig;
  commit: number;
}

export interface ModelServer {
  readonly serverId: ServerId;
  readonly name: string;
  alive: boolean;
  boot: number;
  sequence: number;
  masterTerm: number;
  readonly replicas: Map<ReplicaId, ModelReplica>;
  /** By tablet: the highest replica id destroyed here; it and all below never return. */
  readonly tombstones: Map<TabletId, ReplicaId>;
}

/** The truth about one tablet. */
export interface ModelGroup {
  readonly tabletId: TabletId;
  readonly generation: number;
  committed: PlacedConfig;
  /** Active at the leader; appended only, unless it is `committed`. */
  active: PlacedConfig;
  leader: ReplicaId | null;
  term: number;
  lastIndex: number;
  dropped: boolean;
}

const NO_CONFIG: PlacedConfig = {
  config: { voters: [], outgoing: [], learners: [] },
  index: logIndex(0),
};

export class ClusterModel {
  readonly #random: Random;
  /** Present incarnations by name. */
  readonly servers = new Map<string, ModelServer>();
  readonly groups = new Map<TabletId, ModelGroup>();
  readonly #created = new Set<ReplicaId>();
  readonly #isGivenUp: (tablet: TabletId, generation: number) => boolean;

  /** `isGivenUp`: whether the catalog has dropped the tablet or placed it anew, so that its replicas may go. */
  constructor(
    random: Random,
    names: readonly string[],
    isGivenUp: (tablet: TabletId, generation: number) => boolean,
  ) {
    this.#random = random;
    this.#isGivenUp = isGivenUp;
    for (const name of names) this.wipe(name);
  }

  /** The server starts again with an empty data directory, so as another one. */
  wipe(name: string): void {
    this.servers.set(name, {
      serverId: serverId(this.#random.uuid()),
      name,
      alive: true,
      boot: 1,
      sequence: 0,
      masterTerm: 0,
      replicas: new Map(),
      tombstones: new Map(),
    });
  }

  byId(id: ServerId): ModelServer | undefined {
    return [...this.servers.values()].find((server) => server.serverId === id);
  }

  heartbeat(server: ModelServer): HeartbeatRequest {
    const replicas = [...server.replicas.values()].map((replica) => this.#report(replica));
    const destroyed = [...server.tombstones].map(([tablet, id]) => {
      return { tabletId: tablet, replicaId: id };
    });
    return {
      serverId: server.serverId,
      name: server.name,
      url: `http://${server.name}`,
      announcedAtMicros: 0,
      sequence: ++server.sequence,
      bootId: `${server.serverId} ${server.boot}`,
      full: true,
      replicas,
      destroyed,
      wallMicros: 0,
    };
  }

  /** Takes one step, unless it comes from a deposed master. */
  take(server: ModelServer, masterTerm: number, step: Step): void {
    if (!server.alive || masterTerm < server.masterTerm) return;
    server.masterTerm = masterTerm;
    switch (step.kind) {
      case "create-replica":
        return this.#create(server, step);
      case "change-config":
        return this.#changeConfig(server, step);
      case "drop-tablet":
        return this.#drop(server, step);
      case "destroy-replica":
        return this.#destroy(server, step);
      case "transfer-leader":
        return assert(false, "the planner transfers no leadership yet");
    }
  }

  /** Lets every group elect, commit and replicate a little. */
  advance(): void {
    for (const group of this.groups.values()) this.#advanceGroup(group);
  }

  /** Whether every tablet keeps a working majority when these replicas are lost for good. */
  survivesLossOf(isLost: (member: Member) => boolean): boolean {
    return [...this.groups.values()].every((group) => this.#groupSurvives(group, isLost));
  }

  /** It has all its data, or was never created; its server may be down. */
  isIntact(member: Member): boolean {
    const server = this.byId(member.serverId);
    if (server === undefined) return false;
    const replica = server.replicas.get(member.replicaId);
    if (replica === undefined) return !this.#created.has(member.replicaId);
    return replica.state === "running" || replica.state === "dropped";
  }

  #groupSurvives(group: ModelGroup, isLost: (member: Member) => boolean): boolean {
    const halves = [group.active, group.committed].flatMap(({ config }) => [
      config.voters,
      config.outgoing,
    ]);
    return halves.every((half) => {
      const intact = half.filter((member) => this.isIntact(member) && !isLost(member));
      return half.length === 0 || intact.length * 2 > half.length;
    });
  }

  #works(member: Member): boolean {
    const server = this.byId(member.serverId);
    const state = server?.replicas.get(member.replicaId)?.state;
    return server?.alive === true && (state === "running" || state === "dropped");
  }

  #hasQuorum(config: GroupConfig): boolean {
    return [config.voters, config.outgoing].every((half) => {
      return half.length === 0 || half.filter((m) => this.#works(m)).length * 2 > half.length;
    });
  }

  #create(server: ModelServer, step: Extract<Step, { kind: "create-replica" }>): void {
    const id = replicaId(step.replicaId);
    const tablet = tabletId(step.tabletId);
    if (server.replicas.has(id) || (server.tombstones.get(tablet) ?? 0) >= id) return;
    for (const other of server.replicas.values()) if (other.tabletId === tablet) return;
    assert(!this.#created.has(id), `X1: replica ${id} existed before and has forgotten its votes`);
    this.#created.add(id);
    const config = step.initialConfig as GroupConfig | null;
    const known = config === null ? NO_CONFIG : { config, index: GROUP_START.index };
    const state = config === null ? "waiting" : "running";
    const { generation } = step;
    const replica = {
      tabletId: tablet,
      replicaId: id,
      generation,
      state,
      known,
      commit: 0,
    } as const;
    server.replicas.set(id, { ...replica });
    const before = this.groups.get(tablet)?.generation ?? 0;
    if (config === null || before >= generation) return;
    this.groups.set(tablet, {
      tabletId: tablet,
      generation,
      committed: known,
      active: known,
      leader: null,
      term: 0,
      lastIndex: 1,
      dropped: false,
    });
  }

  #changeConfig(server: ModelServer, step: Extract<Step, { kind: "change-config" }>): void {
    const group = this.groups.get(tabletId(step.tabletId));
    if (group === undefined || group.leader === null) return;
    if (!server.replicas.has(group.leader) || group.active !== group.committed) return;
    if (group.active.index !== step.configIndex || group.active.config.outgoing.length > 0) return;
    const voters = step.voters as unknown as Member[];
    const sameVoters = sameMembers(voters, group.active.config.voters);
    const outgoing = sameVoters ? [] : group.active.config.voters;
    const config = { voters, outgoing, learners: step.learners as unknown as Member[] };
    assert(voters.length >= group.active.config.voters.length, "X4: fewer voters than before");
    const before = group.active.config.voters.map((voter) => voter.replicaId);
    for (const voter of voters) {
      if (before.includes(voter.replicaId)) continue;
      const state = this.byId(voter.serverId)?.replicas.get(voter.replicaId)?.state;
      assert(state !== "waiting", () => `X5: replica ${voter.replicaId} has no data yet`);
    }
    const intact = voters.filter((member) => this.isIntact(member));
    assert(intact.length * 2 > voters.length, () => `X3: ${JSON.stringify(config)}`);
    group.active = { config, index: logIndex(++group.lastIndex) };
  }

  #drop(server: ModelServer, step: Extract<Step, { kind: "drop-tablet" }>): void {
    const group = this.groups.get(tabletId(step.tabletId));
    if (group === undefined || group.leader === null) return;
    const leader = server.replicas.get(group.leader);
    if (leader === undefined || !this.#hasQuorum(group.active.config)) return;
    group.dropped = true;
    leader.state = "dropped";
  }

  /** As the real host does: every replica of the tablet up to that id goes, and never returns. */
  #destroy(server: ModelServer, step: Extract<Step, { kind: "destroy-replica" }>): void {
    const upTo = replicaId(step.replicaId);
    const tablet = tabletId(step.tabletId);
    if ((server.tombstones.get(tablet) ?? 0) >= upTo) return;
    server.tombstones.set(tablet, upTo);
    for (const replica of server.replicas.values()) {
      if (replica.tabletId !== tablet || replica.replicaId > upTo) continue;
      this.#checkDestruction(replica);
      server.replicas.delete(replica.replicaId);
    }
  }

  #checkDestruction(replica: ModelReplica): void {
    const group = this.groups.get(replica.tabletId);
    if (group === undefined || this.#isGivenUp(replica.tabletId, replica.generation)) return;
    const votes = [group.active.config, group.committed.config].some(({ voters, outgoing }) =>
      [...voters, ...outgoing].some((member) => member.replicaId === replica.replicaId),
    );
    const spared = replica.state === "suspect" && this.#groupSurvives(group, () => false);
    assert(!votes || spared, () => `X2: ${JSON.stringify(replica)} is destroyed but votes`);
  }

  #advanceGroup(group: ModelGroup): void {
    const leader = this.#leaderMember(group);
    if (leader === undefined || !this.#works(leader) || !this.#hasQuorum(group.active.config)) {
      group.leader = null;
    }
    if (group.leader === null) {
      this.#rollBackOrKeep(group);
      if (!this.#hasQuorum(group.active.config) || this.#random.below(3) > 0) return;
      const able = group.active.config.voters.filter((member) => this.#works(member));
      const elected = able[this.#random.below(able.length)];
      group.leader = elected?.replicaId ?? null;
      group.term++;
      return;
    }
    if (group.active !== group.committed && this.#random.below(2) === 0) {
      group.committed = group.active;
    }
    if (group.active === group.committed && group.active.config.outgoing.length > 0) {
      const config = { ...group.active.config, outgoing: [] };
      group.active = { config, index: logIndex(++group.lastIndex) };
    }
    for (const member of membersOf(group.active.config)) this.#replicate(group, member);
  }

  #leaderMember(group: ModelGroup): Member | undefined {
    return group.active.config.voters.find((member) => member.replicaId === group.leader);
  }

  /** What a dead leader had appended but not committed may survive or vanish. */
  #rollBackOrKeep(group: ModelGroup): void {
    if (group.active === group.committed || this.#random.below(2) === 0) return;
    group.active = group.committed;
    for (const server of this.servers.values()) {
      for (const replica of server.replicas.values()) {
        const ahead = replica.known.index > group.committed.index;
        const isOf = replica.tabletId === group.tabletId && replica.generation === group.generation;
        if (isOf && ahead) replica.known = group.committed;
      }
    }
  }

  #replicate(group: ModelGroup, member: Member): void {
    const server = this.byId(member.serverId);
    const replica = server?.replicas.get(member.replicaId);
    if (server?.alive !== true || replica === undefined || replica.state === "suspect") return;
    if (member.replicaId !== group.leader && this.#random.below(3) === 0) return;
    replica.known = group.active;
    replica.commit = this.#commitOf(group);
    replica.state = group.dropped ? "dropped" : "running";
  }

  #commitOf(group: ModelGroup): number {
    return group.active === group.committed ? group.lastIndex : group.active.index - 1;
  }

  #report(replica: ModelReplica): ReplicaReport {
    const group = this.groups.get(replica.tabletId);
    const leads = group?.leader === replica.replicaId;
    const followers = leads && group !== undefined ? this.#followers(group, replica) : [];
    return {
      tabletId: replica.tabletId,
      replicaId: replica.replicaId,
      state: replica.state,
      role: leads ? "leader" : "follower",
      term: group?.term ?? 0,
      leader: group?.leader ?? null,
      generation: replica.generation,
      configIndex: replica.known.index,
      config: structuredClone(replica.known.config) as unknown as ReplicaReport["config"],
      commit: leads && group !== undefined ? this.#commitOf(group) : replica.commit,
      applied: replica.commit,
      lastIndex: replica.commit,
      rows: 0,
      sizeBytes: 0,
      followers,
    };
  }

  #followers(group: ModelGroup, leader: ModelReplica): ReplicaReport["followers"] {
    return membersOf(group.active.config)
      .filter((member) => member.replicaId !== leader.replicaId)
      .map((member) => {
        const works = this.#works(member);
        const state = works ? "replicate" : "snapshot";
        return { replicaId: member.replicaId, match: group.lastIndex, state, active: works };
      });
  }
}

/** Checks that the group is whole: `wanted` working voters on distinct live servers, nothing in between. */
export function checkWhole(model: ClusterModel, group: ModelGroup, wanted: number): void {
  const { config } = group.committed;
  const name = `tablet ${group.tabletId}`;
  assert(group.active === group.committed && group.leader !== null, `${name} is settled and led`);
  assert(config.outgoing.length === 0 && config.learners.length === 0, `${name} is not in between`);
  assert(config.voters.length === wanted, `${name} has ${config.voters.length} voters`);
  const servers = new Set(config.voters.map((member) => member.serverId));
  assert(servers.size === wanted, `${name} has its voters on distinct servers`);
  for (const { serverId: on, replicaId: id } of config.voters) {
    const server = must(model.byId(on), `${name} has a voter on a lost server`);
    assert(server.alive, `${name} has a voter on dead ${server.name}`);
    assert(server.replicas.get(id)?.state === "running", `${name}: replica ${id} runs`);
  }
}

function sameMembers(a: readonly Member[], b: readonly Member[]): boolean {
  const ids = (list: readonly Member[]): string =>
    list
      .map((member) => member.replicaId)
      .sort((x, y) => x - y)
      .join();
  return ids(a) === ids(b);
}
