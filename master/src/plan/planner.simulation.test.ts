/**
 * Hundreds of small clusters under a nemesis: servers die, return, lose their disks or single replicas; steps
 * are delayed, repeated and lost; the catalog's leadership changes at any moment and all reports with it.
 * Then everything is left alone, and every table must become whole.
 */
import { assert } from "@stele/shared/assert.ts";
import type { ReplicaId, ServerId } from "@stele/shared/ids.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import type { Step } from "@stele/shared/wire/heartbeat.ts";
import { expect, test } from "vitest";
import { Catalog } from "../catalog/catalog.ts";
import { checkCatalog } from "../testing/check-catalog.ts";
import { decodeCommands, encodeCommands, type Command } from "../catalog/commands.ts";
import { reduceInSlices } from "../catalog/reduce.ts";
import { LeaderState, type LeaderLimits } from "../leader-state.ts";
import { checkWhole, ClusterModel, type ModelServer } from "../testing/cluster-model.ts";
import { placeNewTablets } from "./place-new-tablets.ts";

const ROUND_MS = 200;
const LIMITS: LeaderLimits = {
  liveness: { serverSilentMs: 1_000, serverGoneMs: 4_000, stallMs: 1_000 },
  plan: { arrivalsPerServer: 2, caughtUpEntries: 100 },
  outbox: { window: 8, firstPauseMs: 400, lastPauseMs: 1_600 },
  planSlice: 5,
  stepsPerReply: 4,
};

interface LateStep {
  readonly server: ModelServer;
  readonly masterTerm: number;
  readonly step: Step;
}

class Run {
  readonly #random: SeededRandom;
  readonly model: ClusterModel;
  readonly catalog = new Catalog();
  #leader: LeaderState;
  #masterTerm = 1;
  #nowMs = 0;
  #late: LateStep[] = [];
  #tables = 0;
  readonly seen = new Set<string>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const names = ["ts0", "ts1", "ts2", "ts3", "ts4"];
    this.model = new ClusterModel(this.#random, names, (tablet, generation) => {
      const row = this.catalog.tablet(tablet);
      if (row === undefined || row.generation > generation) return true;
      return this.catalog.table(row.tableId)?.state === "dropped";
    });
    this.#leader = new LeaderState(this.catalog, LIMITS, 0);
  }

  round(calm: boolean): void {
    this.#nowMs += ROUND_MS;
    this.model.advance();
    for (const server of this.model.servers.values()) {
      if (server.alive && (calm || this.#random.below(4) > 0)) this.#heartbeat(server);
    }
    this.#leader.tick(this.#nowMs);
    this.#plan();
    this.#deliver(calm);
  }

  trouble(): void {
    const names = [...this.model.servers.keys()];
    const server = this.model.servers.get(names[this.#random.below(names.length)] ?? "");
    assert(server !== undefined, "a server");
    const on = (id: ServerId) => (member: Member) => member.serverId === id;
    switch (this.#random.below(16)) {
      case 0:
        return this.#changeLeader();
      case 1:
        server.alive = false;
        return;
      case 2:
      case 3:
        return this.#restart(server);
      case 4:
        if (this.model.survivesLossOf(on(server.serverId))) {
          this.#see("wiped");
          this.model.wipe(server.name);
        }
        return;
      case 5:
        return this.#damage(server, "suspect");
      case 9:
        return this.#damage(server, "vanished");
      case 6:
      case 7:
        return this.#createTable();
      case 8:
        if (this.#random.below(3) === 0) return this.#dropTable();
    }
  }

  /** Every server comes back. */
  heal(): void {
    for (const server of this.model.servers.values()) if (!server.alive) this.#restart(server);
  }

  /** One server dies for good, if some server can be spared. */
  bury(): void {
    for (const server of this.model.servers.values()) {
      if (!this.model.survivesLossOf((member) => member.serverId === server.serverId)) continue;
      this.#see("one server stays dead");
      server.alive = false;
      return;
    }
  }

  /** The calm goes on until everything is whole, or much longer than it should take. */
  settle(): void {
    for (let slice = 0; slice < 10; slice++) {
      for (let round = 0; round < 40; round++) this.round(true);
      try {
        return this.check();
      } catch {
        // Not yet.
      }
    }
    this.check();
  }

  check(): void {
    checkCatalog(this.catalog);
    for (const table of this.catalog.tables()) {
      assert(table.state === "ready", `table ${table.name} stays ${table.state}`);
    }
    for (const tablet of this.catalog.tablets()) {
      const group = this.model.groups.get(tablet.tabletId);
      const table = this.catalog.table(tablet.tableId);
      assert(group !== undefined && table !== undefined, `tablet ${tablet.tabletId} exists`);
      checkWhole(this.model, group, table.replicas);
      expect(tablet.config).toEqual(group.committed.config);
    }
    assert([...this.catalog.operations.replacements()].length === 0, "no replacement goes on");
    for (const server of this.model.servers.values()) {
      if (!server.alive) continue;
      expect(this.catalog.removed.on(server.serverId).size).toBe(0);
      for (const { replicaId: id, tabletId } of server.replicas.values()) {
        const config = this.catalog.tablet(tabletId)?.config;
        const member = config?.voters.some((voter) => voter.replicaId === id) === true;
        assert(member, `replica ${id} of tablet ${tabletId} is an orphan on ${server.name}`);
      }
    }
  }

  #heartbeat(server: ModelServer): void {
    const heartbeat = this.model.heartbeat(server);
    const admission = this.#leader.admit(heartbeat, this.#nowMs);
    if (admission.kind === "propose") return this.#commit([admission.command]);
    if (admission.kind === "name-taken") return this.#see("a taken name is not given away");
    assert(admission.kind === "admitted", "no present server is refused");
    this.#leader.takeIn(heartbeat, this.#nowMs);
    for (const step of this.#leader.takeSteps(server.serverId, this.#nowMs)) {
      this.#late.push({ server, masterTerm: this.#masterTerm, step });
    }
  }

  #plan(): void {
    for (let slice = 0; slice < 20 && this.#leader.hasWork; slice++) {
      const commands = this.#leader.plan(0);
      for (const command of commands) this.#see(command.kind);
      if (commands.length > 0) this.#commit(commands);
    }
  }

  #commit(commands: readonly Command[]): void {
    const batch = decodeCommands(encodeCommands({ atMicros: this.#nowMs * 1000, commands }));
    Array.from(reduceInSlices(this.catalog, batch));
    this.#leader.catalogChanged(this.catalog.takeChanges(), this.#nowMs);
  }

  /** Steps arrive in the order of a server's replies, late, perhaps twice, perhaps never. */
  #deliver(calm: boolean): void {
    const waiting: LateStep[] = [];
    const held = new Set<ModelServer>();
    for (const late of this.#late) {
      if (held.has(late.server) || (!calm && this.#random.below(3) === 0)) {
        held.add(late.server);
        waiting.push(late);
        continue;
      }
      if (!calm && this.#random.below(10) === 0) continue;
      this.#see(late.step.kind);
      this.model.take(late.server, late.masterTerm, late.step);
      if (this.#random.below(10) === 0) waiting.push(late);
    }
    this.#late = waiting;
  }

  #changeLeader(): void {
    this.#masterTerm++;
    this.#leader = new LeaderState(this.catalog, LIMITS, this.#nowMs);
  }

  #restart(server: ModelServer): void {
    server.alive = true;
    server.boot++;
    server.sequence = 0;
    this.#late = this.#late.filter((late) => late.server !== server);
  }

  /** One replica's files are damaged, or lost altogether. */
  #damage(server: ModelServer, how: "suspect" | "vanished"): void {
    for (const replica of server.replicas.values()) {
      if (replica.state !== "running") continue;
      const isIt = (member: { replicaId: number }): boolean =>
        member.replicaId === replica.replicaId;
      const tablet = this.catalog.tablet(replica.tabletId);
      const awaited = tablet?.first?.unseen.includes(replica.replicaId) === true;
      const arriving = this.catalog.replacementOf(replica.tabletId)?.newcomerSeen === false;
      if (awaited || arriving || !this.model.survivesLossOf(isIt)) continue;
      this.#see(how);
      if (how === "suspect") replica.state = "suspect";
      else this.#lose(server, replica.replicaId);
      return;
    }
  }

  /** The step that once created it does not arrive a second time so late. */
  #lose(server: ModelServer, replica: ReplicaId): void {
    server.replicas.delete(replica);
    this.#late = this.#late.filter(
      ({ step }) => step.kind !== "create-replica" || step.replicaId !== replica,
    );
  }

  #createTable(): void {
    const live = [...this.catalog.servers()].filter(
      (server) => server.state === "live" && this.#leader.livenessOf(server.serverId) === "live",
    );
    const replicas = this.#random.below(8) === 0 ? 1 : 3;
    if (live.length < replicas || this.catalog.tabletCount > 12) return;
    const loads = live.map(({ serverId, name }) => ({
      serverId,
      name,
      replicas: this.catalog.replicas.on(serverId).size,
      leaders: 0,
    }));
    const splitKeys = ["YQ==", "Yg==", "Yw=="].slice(0, this.#random.below(4));
    this.#commit([
      {
        kind: "create-table",
        name: `t${this.#tables++}`,
        families: [],
        splitKeys,
        replicas,
        deletionProtection: false,
        ...placeNewTablets(loads, splitKeys.length + 1, replicas),
        request: null,
      },
    ]);
  }

  #dropTable(): void {
    const tables = [...this.catalog.tables()].filter((table) => table.state !== "dropped");
    const table = tables[this.#random.below(Math.max(1, tables.length))];
    if (table !== undefined)
      this.#commit([{ kind: "drop-table", name: table.name, request: null }]);
  }

  #see(mark: string): void {
    this.seen.add(mark);
  }
}

const SEEDS = 250;
const MARKS = [
  "create-replica",
  "change-config",
  "drop-tablet",
  "destroy-replica",
  "observe-config",
  "observe-leader",
  "observe-dropped",
  "forget-tablets",
  "mark-gone",
  "start-replacement",
  "abort-replacement",
  "finish-replacement",
  "confirm-destroyed",
  "place-anew",
  "wiped",
  "suspect",
  "vanished",
  "one server stays dead",
  "a taken name is not given away",
];

test("whatever happens to servers and masters, every table becomes whole again", () => {
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = new Run(seed);
    try {
      for (let round = 0; round < 150; round++) {
        if (run.model.servers.size > 0 && round > 5) run.trouble();
        run.round(false);
      }
      run.heal();
      run.settle();
      run.bury();
      run.settle();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    for (const mark of run.seen) seen.set(mark, (seen.get(mark) ?? 0) + 1);
  }
  for (const mark of MARKS) {
    expect(seen.get(mark) ?? 0, `seeds with "${mark}"`).toBeGreaterThanOrEqual(10);
  }
});
