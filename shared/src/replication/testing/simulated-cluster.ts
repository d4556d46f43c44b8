/**
 * Several replica hosts with a few groups over them, on one virtual time line: one seed is one run. Watches, after
 * every event, what must hold whatever happens.
 *
 * X1. At most one leader a term; at most one holder of a lease at any moment.
 * X2. The same command at the same index on every replica and in every replay; the same state at the same index,
 *     in memory and, after every recovery, in the store.
 * X3. A process fails only after a fault of its disk.
 */
import { replicaId, tabletId, type ReplicaId, type TabletId } from "../../ids.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import type { GroupConfig, Member } from "../../raft/group-config.ts";
import type { SeededRandom } from "../../random.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import type { CheckpointStore } from "../../checkpoint-store/checkpoint-store.ts";
import type { ReplicaHost } from "../replica-host.ts";
import type { Replica } from "../replica.ts";
import { GroupHistory } from "./group-history.ts";
import type { Marks } from "../../testing/marks.ts";
import { newRegisterState, RegisterMachines, type RegisterMachine } from "./register-machine.ts";
import { SimulatedNetwork } from "./simulated-network.ts";
import { SimulatedServer } from "./simulated-server.ts";

const VOTERS = 3;

export interface ClusterSize {
  readonly servers: number;
  readonly groups: number;
}

export class SimulatedCluster {
  readonly line: SimulatedClock;
  readonly random: SeededRandom;
  readonly marks: Marks;
  readonly network: SimulatedNetwork;
  readonly servers: readonly SimulatedServer[];
  readonly tablets: readonly TabletId[];
  readonly violations: string[] = [];
  readonly #histories = new Map<TabletId, GroupHistory>();
  #lastReplica = 0;

  constructor(size: ClusterSize, random: SeededRandom, marks: Marks) {
    this.line = new SimulatedClock(random, nextMacrotask);
    this.line.onEvent = () => this.#observe();
    this.random = random;
    this.marks = marks;
    this.network = new SimulatedNetwork(random);
    this.tablets = Array.from({ length: size.groups }, (_, at) => tabletId(at + 1));
    for (const tablet of this.tablets) {
      const violation = (what: string): void => this.violate(`tablet ${tablet}: ${what}`);
      this.#histories.set(tablet, new GroupHistory(violation));
    }
    const parts = {
      line: this.line,
      random,
      network: this.network,
      marks,
      limits: {
        retainedLogBytes: 1024 << random.below(5),
        payloadCacheBytes: random.below(4) * 1024,
      },
      machines: (store: CheckpointStore) => this.#watched(new RegisterMachines(store)),
      recovered: (host: ReplicaHost, machines: RegisterMachines) =>
        this.#checkStore(host, machines),
      violation: (what: string) => this.violate(what),
    };
    this.servers = Array.from({ length: size.servers }, () => new SimulatedServer(parts));
  }

  violate(what: string): void {
    this.violations.push(`${what} (at ${Math.round(this.line.monotonicMs())} ms)`);
  }

  newReplicaId(): ReplicaId {
    return replicaId(++this.#lastReplica);
  }

  history(tablet: TabletId): GroupHistory {
    return this.#histories.get(tablet) as GroupHistory;
  }

  /** Starts every server and puts each group on three of them. */
  async form(): Promise<void> {
    await this.settle(Promise.all(this.servers.map((server) => server.start())));
    for (const tablet of this.tablets) {
      const first = this.random.below(this.servers.length);
      const homes = Array.from(
        { length: VOTERS },
        (_, nth) => this.servers[(first + nth) % this.servers.length] as SimulatedServer,
      );
      const voters: Member[] = homes.map(({ id }) => ({
        replicaId: this.newReplicaId(),
        serverId: id,
      }));
      const config: GroupConfig = { voters, outgoing: [], learners: [] };
      const created = homes.map((server, nth) =>
        (server.host as ReplicaHost).createReplica(tablet, (voters[nth] as Member).replicaId, {
          kind: "bootstrap",
          config,
          state: newRegisterState,
        }),
      );
      await this.settle(Promise.all(created));
    }
  }

  /** Machines of the tablet whose replica believes that it leads, on processes that run. */
  leaders(tablet: TabletId): RegisterMachine[] {
    return this.servers.flatMap(({ isPaused, machines }) => {
      const machine = isPaused ? undefined : machines?.machines.get(tablet);
      return machine?.leadership.kind === "leader" ? [machine] : [];
    });
  }

  /** Lets time pass, up to the first violation. */
  async pass(durationMs: number): Promise<void> {
    await this.line.runFor(durationMs, () => this.violations.length === 0);
  }

  /** Lets time pass until the promise settles. */
  async settle<T>(done: Promise<T>): Promise<T> {
    return this.line.until(done);
  }

  /** X1. */
  #observe(): void {
    for (const tablet of this.tablets) {
      let holders = 0;
      for (const { host } of this.servers) {
        const group = host?.group(tablet) as Replica | null | undefined;
        if (group === null || group === undefined) continue;
        if (group.raft.role === "leader")
          this.history(tablet).leads(group.raft.term, group.replicaId);
        if (group.holdsLease()) holders++;
      }
      if (holders > 1) this.violate(`tablet ${tablet}: ${holders} replicas hold a lease`);
    }
  }

  /** X2. */
  #watched(machines: RegisterMachines): RegisterMachines {
    const create = machines.create.bind(machines);
    machines.create = (made) => {
      const machine = create(made);
      const history = this.history(made.tabletId);
      const apply = machine.apply.bind(machine);
      machine.apply = async (commands) => {
        for (const command of commands) history.applied(command);
        const batch = await apply(commands);
        const covered = batch.stopAt ?? commands.at(-1)?.index ?? 0;
        history.checkState(covered, machine);
        return batch;
      };
      return machine;
    };
    return machines;
  }

  /** X2: what a recovery found is the state at some index, whole. */
  async #checkStore(host: ReplicaHost, machines: RegisterMachines): Promise<void> {
    for (const { tabletId: tablet, applied, awaitingSnapshot } of host.statuses()) {
      const machine = machines.machines.get(tablet);
      if (awaitingSnapshot || machine === undefined) continue;
      this.history(tablet).checkContents(applied, await machine.contents());
    }
  }
}
