/**
 * A replicated tablet under crashes, power losses, partitions, transfers and a bad network, by seed: front-ends
 * send encoded calls to whichever server leads, and everything they were told is checked.
 */
import { expect, test } from "vitest";
import { delay } from "@stele/shared/clock.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { isLinearizable } from "./testing/register-history.ts";
import { RowClient } from "./testing/row-client.ts";
import { increment, rowWrite, set } from "./testing/row-writes.ts";
import { TABLET, TabletCluster } from "./testing/tablet-cluster.ts";
import { allRows, Workloads } from "./testing/workloads.ts";
import { encodeTabletState } from "./tablet/tablet-state.ts";
import type { Tablet } from "./tablet/tablet.ts";

const SEEDS = Number(process.env["STELE_SEEDS"] ?? 100);
const FIRST_SEED = Number(process.env["STELE_FIRST_SEED"] ?? 1);
const SERVERS = 3;
const CLIENTS = 3;
const WORKERS = 3;
const ROUNDS = 20;

interface Totals {
  operations: number;
  attempts: number;
  replayed: number;
  crashes: number;
  transfers: number;
  snapshotsInstalled: number;
}

class Run {
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly cluster: TabletCluster;
  readonly clients: RowClient[];
  readonly work: Workloads;
  readonly totals: Totals;
  readonly starting = new Set<number>();
  #stopped = false;
  #calmUntilMs = 0;

  constructor(seed: number, totals: Totals) {
    this.random = new SeededRandom(seed);
    this.clock = new SimulatedClock(this.random, nextMacrotask);
    this.totals = totals;
    this.cluster = new TabletCluster(SERVERS, this.clock, this.random);
    this.work = new Workloads(this.cluster, this.random);
    this.clients = Array.from(
      { length: CLIENTS },
      (_, at) => new RowClient(this.cluster, this.random, BigInt(at + 1)),
    );
  }

  async play(): Promise<void> {
    await this.clock.until(this.cluster.form());
    await this.clock.until(this.makeLargeRow());
    const workers = this.clients.flatMap((client) =>
      Array.from({ length: WORKERS }, () => this.worker(client)),
    );
    for (let round = 0; round < ROUNDS; round++) {
      await this.clock.until(delay(this.clock, 50 + this.random.below(400)));
      this.maybeFault();
    }
    this.#stopped = true;
    this.healAndRestart();
    await this.clock.until(Promise.all(workers));
    await this.check();
  }

  /** So large that its changes are logged, not itself. */
  async makeLargeRow(): Promise<void> {
    const [client] = this.clients as [RowClient];
    await client.write([rowWrite("c1", [set("filler", "y".repeat(6000))])], 60_000);
    await client.write([rowWrite("c1", [increment("n", 0n)])], 60_000);
  }

  async worker(client: RowClient): Promise<void> {
    while (!this.#stopped) {
      await this.work.step(client);
      await delay(this.clock, this.random.below(30));
    }
  }

  maybeFault(): void {
    if (this.clock.monotonicMs() < this.#calmUntilMs) return;
    const at = this.random.below(SERVERS);
    switch (this.random.below(16)) {
      case 0:
      case 1:
        this.crash(at);
        return;
      case 2:
        this.crashAll();
        return;
      case 3: {
        const to = this.random.below(SERVERS);
        this.cluster.cut(at, to);
        if (this.random.below(2) === 0) this.cluster.cut(to, at);
        return;
      }
      case 4:
      case 5:
        this.isolateLeader();
        return;
      case 6:
      case 7:
        this.cluster.heal();
        return;
      case 8:
        this.cluster.faults.lossPercent = this.random.below(25);
        this.cluster.faults.delayMsMax = 1 + this.random.below(80);
        return;
      case 9:
      case 10:
        this.transfer();
        return;
      default:
        this.restart(at);
    }
  }

  /** Its clients still reach it: what it serves now must not be stale. */
  isolateLeader(): void {
    const leader = this.cluster.servers.findIndex(
      ({ tablet }) => (tablet?.servingTerm ?? null) !== null,
    );
    if (leader < 0) return;
    this.cluster.heal();
    for (let other = 0; other < SERVERS; other++) {
      this.cluster.cut(leader, other);
      this.cluster.cut(other, leader);
      this.restart(other);
    }
    // Long enough for the others to elect another.
    this.#calmUntilMs = this.clock.monotonicMs() + 1500 + this.random.below(500);
  }

  /** Writes take effect and nobody hears of it; then what only memory remembered is gone. */
  crashAll(): void {
    this.cluster.faults.losesReplies = true;
    this.clock.after(100, () => {
      this.cluster.faults.losesReplies = false;
      for (let at = 0; at < SERVERS; at++) this.crash(at);
      for (let at = 0; at < SERVERS; at++) this.restart(at);
    });
  }

  transfer(): void {
    const to = this.cluster.replica(this.random.below(SERVERS));
    for (const { running, tablet } of this.cluster.servers) {
      if (tablet === null || tablet.servingTerm === null) continue;
      if (running?.host.group(TABLET)?.transferLeadership(to).kind === "proposed") {
        this.totals.transfers++;
      }
    }
  }

  crash(at: number): void {
    if (this.cluster.server(at).running === null) return;
    this.totals.crashes++;
    this.cluster.crash(at, this.random.below(2) === 0 ? "process" : "power");
  }

  restart(at: number): void {
    if (this.starting.has(at) || this.cluster.server(at).running !== null) return;
    this.starting.add(at);
    void this.cluster.start(at).then(
      () => this.starting.delete(at),
      (error: unknown) =>
        this.cluster.violations.push(`server ${at} did not start: ${String(error)}`),
    );
  }

  healAndRestart(): void {
    this.cluster.heal();
    for (let at = 0; at < SERVERS; at++) this.restart(at);
  }

  async check(): Promise<void> {
    const rows = await this.clock.until(allRows(this.clients[0] as RowClient));
    this.work.checkFinal(rows);
    for (const [name, operations] of this.work.registers) {
      expect(isLinearizable(operations), `${name} is linearizable`).toBe(true);
    }
    const tablets = await this.verified(rows.size);
    const states = tablets.map(({ state }) => {
      const spans = state.spans.map((span) => ({ ...span, space: 0 as never }));
      return encodeTabletState({ ...state, spans }).toString("hex");
    });
    expect(new Set(states).size, "replicas have one state").toBe(1);
    this.totals.operations += this.work.operations;
    this.totals.replayed += this.work.replayed;
    for (const client of this.clients) this.totals.attempts += client.attempts;
    for (const server of this.cluster.servers) {
      this.totals.snapshotsInstalled +=
        server.snapshotsInstalled + (server.running?.host.counters.snapshotsInstalled ?? 0);
    }
  }

  tablets(): Tablet[] {
    return this.cluster.servers.flatMap(({ tablet }) => tablet ?? []);
  }

  /** All replicas have the same bytes as of one entry, and the leader counted its rows right. */
  async verified(rows: number): Promise<Tablet[]> {
    for (let attempt = 1; ; attempt++) {
      const leader = this.tablets().find(({ servingTerm }) => servingTerm !== null);
      const outcome = await this.clock.until(leader?.verify(attempt) ?? Promise.resolve(null));
      const expired = new Promise<void>((resolve) => void this.clock.after(10_000, resolve));
      const results = await this.clock.until(
        Promise.all(
          this.cluster.servers.map(
            ({ running }) =>
              running?.verifications.result(TABLET, attempt, expired) ?? Promise.resolve(null),
          ),
        ),
      );
      const hashes = results.map((result) => result?.hash ?? null);
      if (outcome?.kind === "applied" && !hashes.includes(null)) {
        expect(new Set(hashes).size, "replicas are equal").toBe(1);
        expect(results.map((result) => result?.rows)).toEqual([rows, rows, rows]);
        expect(leader?.state.rows).toBe(rows);
        // Only now: a snapshot may have brought one of them here.
        return this.tablets();
      }
      expect(attempt, "a verification ends").toBeLessThan(10);
      await this.clock.runEvents(200);
    }
  }
}

test(
  `over ${SEEDS} seeds rows are linearizable, writes take effect once, and replicas stay equal`,
  { timeout: 600_000 },
  async () => {
    const totals: Totals = {
      operations: 0,
      attempts: 0,
      replayed: 0,
      crashes: 0,
      transfers: 0,
      snapshotsInstalled: 0,
    };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const run = new Run(seed, totals);
      try {
        await run.play();
      } catch (error) {
        throw new Error(`seed ${seed}: ${run.cluster.violations.join("; ")}`, { cause: error });
      }
      expect(run.cluster.violations, `seed ${seed}`).toEqual([]);
    }
    if (process.env["STELE_TOTALS"]) process.stdout.write(`${JSON.stringify(totals)}\n`);
    expect(totals.crashes).toBeGreaterThan(0);
    expect(totals.operations).toBeGreaterThan(SEEDS * 50);
  },
);
