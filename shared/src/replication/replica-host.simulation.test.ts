/**
 * The replication host under crashes, power losses, partitions and a bad network, by seed. One writer a register
 * writes growing numbers, so that what a read may give is known at every moment.
 */
import { expect, test } from "vitest";
import { VirtualClock } from "../checkpoint-store/virtual-clock.ts";
import { SeededRandom } from "../random.ts";
import type { RegisterMachine } from "./testing/register-machine.ts";
import { SimulatedHosts, TABLET } from "./testing/simulated-hosts.ts";

const SEEDS = Number(process.env["STELE_SEEDS"] ?? 200);
const FIRST_SEED = Number(process.env["STELE_FIRST_SEED"] ?? 1);
const REGISTERS = ["a", "b", "c"];

interface Register {
  attempted: number;
  acknowledged: number;
  busy: boolean;
}

interface Totals {
  acknowledged: number;
  reads: number;
  crashes: number;
  checkpoints: number;
  freedSegments: number;
  snapshotsInstalled: number;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Run {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock(settle);
  readonly hosts: SimulatedHosts;
  readonly registers = new Map<string, Register>();
  readonly totals: Totals;
  readonly starting = new Set<number>();

  constructor(seed: number, totals: Totals) {
    this.random = new SeededRandom(seed);
    this.totals = totals;
    this.hosts = new SimulatedHosts(3 + this.random.below(2), this.clock, this.random);
    for (const name of REGISTERS) {
      this.registers.set(name, { attempted: 0, acknowledged: 0, busy: false });
    }
  }

  async play(): Promise<void> {
    await this.clock.until(this.hosts.form(3));
    for (let round = 0; round < 120; round++) {
      this.maybeFault();
      this.write();
      this.read();
      await this.clock.pass(10 + this.random.below(60));
    }
    await this.healAndConverge();
  }

  leader(): RegisterMachine | null {
    const leaders = this.hosts.servers
      .map(({ machines }) => machines?.machines.get(TABLET))
      .filter((machine) => machine?.leadership.kind === "leader");
    return leaders[this.random.below(Math.max(1, leaders.length))] ?? null;
  }

  write(): void {
    for (const [name, register] of this.registers) {
      if (register.busy) continue;
      const leader = this.leader();
      if (leader === null) return;
      register.attempted++;
      register.busy = true;
      const number = register.attempted;
      const filler = "x".repeat(this.random.below(600));
      leader.write(name, `${number} ${filler}`, ({ kind }) => {
        register.busy = false;
        if (kind !== "acknowledged") return;
        this.totals.acknowledged++;
        register.acknowledged = Math.max(register.acknowledged, number);
      });
    }
  }

  read(): void {
    const name = REGISTERS[this.random.below(REGISTERS.length)] as string;
    const register = this.registers.get(name) as Register;
    const machine = this.leader();
    if (machine === null) return;
    const atLeast = register.acknowledged;
    void machine.read(name).then((value) => {
      if (value === "not-leader") return;
      this.totals.reads++;
      this.expectBetween(name, value, atLeast, register.attempted);
    });
  }

  expectBetween(name: string, value: string | null, atLeast: number, atMost: number): void {
    const number = value === null ? 0 : Number(value.split(" ")[0]);
    if (number >= atLeast && number <= atMost) return;
    this.hosts.violations.push(`${name} gave ${number}, not in [${atLeast}, ${atMost}]`);
  }

  maybeFault(): void {
    const at = this.random.below(this.hosts.servers.length);
    const server = this.hosts.server(at);
    switch (this.random.below(14)) {
      case 0:
      case 1:
        if (server.host === null) this.restart(at);
        else this.crash(at);
        return;
      case 2: {
        const to = this.random.below(this.hosts.servers.length);
        this.hosts.cut(at, to);
        if (this.random.below(2) === 0) this.hosts.cut(to, at);
        return;
      }
      case 3:
      case 4:
        this.hosts.heal();
        return;
      case 5:
        this.hosts.faults.lossPercent = this.random.below(30);
        this.hosts.faults.duplicatePercent = this.random.below(30);
        this.hosts.faults.delayMsMax = 1 + this.random.below(100);
        return;
      default:
        if (server.host === null) this.restart(at);
    }
  }

  crash(at: number): void {
    this.totals.crashes++;
    this.hosts.crash(at, this.random.below(2) === 0 ? "process" : "power");
    for (const register of this.registers.values()) register.busy = false;
  }

  restart(at: number): void {
    if (this.starting.has(at)) return;
    this.starting.add(at);
    void this.hosts.start(at).then(
      () => this.starting.delete(at),
      (error: unknown) =>
        this.hosts.violations.push(`server ${at} did not start: ${String(error)}`),
    );
  }

  async healAndConverge(): Promise<void> {
    this.hosts.heal();
    for (let at = 0; at < this.hosts.servers.length; at++) {
      if (this.hosts.server(at).host === null) this.restart(at);
    }
    const ends = this.clock.monotonicMs() + 60_000;
    while (!(await this.converged())) {
      if (this.clock.monotonicMs() > ends) {
        this.hosts.violations.push(`no convergence: ${JSON.stringify(this.statuses())}`);
        return;
      }
      await this.clock.pass(200);
    }
    const contents = await Promise.all(
      this.machines().map((machine) => this.clock.until(machine.contents())),
    );
    for (const one of contents) expect(one).toEqual(contents[0]);
    for (const [name, { acknowledged, attempted }] of this.registers) {
      const found = contents[0]?.find((text) => text.startsWith(`${name}=`));
      this.expectBetween(name, found?.slice(2) ?? null, acknowledged, attempted);
    }
    for (const { host, totals } of this.hosts.servers) {
      for (const name of ["checkpoints", "freedSegments", "snapshotsInstalled"] as const) {
        this.totals[name] += totals[name] + (host?.counters[name] ?? 0);
      }
    }
  }

  machines(): RegisterMachine[] {
    return this.hosts.servers.flatMap(({ machines }) => machines?.machines.get(TABLET) ?? []);
  }

  statuses(): unknown[] {
    return this.hosts.servers.map(({ host }) => host?.statuses() ?? "down");
  }

  async converged(): Promise<boolean> {
    const statuses = this.hosts.servers.flatMap(({ host }) => host?.statuses() ?? []);
    const leader = statuses.find(({ role }) => role === "leader");
    if (statuses.length < 3 || leader === undefined || this.leader() === null) return false;
    await Promise.resolve();
    return statuses.every(({ applied, commit }) => applied === commit && commit === leader.commit);
  }
}

test(
  `over ${SEEDS} seeds every acknowledged write survives and no read is stale`,
  { timeout: 180_000 },
  async () => {
    const totals: Totals = {
      acknowledged: 0,
      reads: 0,
      crashes: 0,
      checkpoints: 0,
      freedSegments: 0,
      snapshotsInstalled: 0,
    };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      if (process.env["STELE_TRACE"]) process.stderr.write(`${seed} `);
      const run = new Run(seed, totals);
      try {
        await run.play();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
      expect(run.hosts.violations, `seed ${seed}`).toEqual([]);
    }
    console.log(totals);
  },
);
