/**
 * The replication host by seed: a few groups on a few servers, with clients, moving replicas, and everything going
 * wrong that may; then everything heals, and all must come to rest in good order. What is watched all the time is in
 * testing/simulated-cluster.ts.
 *
 * STELE_SEEDS and STELE_FIRST_SEED choose the seeds.
 */
import { expect, test } from "vitest";
import { SeededRandom } from "../random.ts";
import { FaultInjection } from "./testing/fault-injection.ts";
import { Marks } from "../testing/marks.ts";
import { MembershipDriver } from "./testing/membership-driver.ts";
import { RegisterClients } from "./testing/register-clients.ts";
import { SimulatedCluster } from "./testing/simulated-cluster.ts";

const SEEDS = Number(process.env["STELE_SEEDS"] ?? 200);
const FIRST_SEED = Number(process.env["STELE_FIRST_SEED"] ?? 1);
const ROUNDS = 100;
const CONVERGE_MS = 60_000;

/** What two hundred seeds must have met, or they prove less than they should. */
const EXPECTED_MARKS = [
  "write acknowledged",
  "write refused",
  "write unknown",
  "read on a lease",
  "read by a round",
  "checkpoint",
  "segment freed",
  "snapshot installed",
  "torn tail repaired",
  "replica damaged at recovery",
  "replica damaged at run time",
  "server wiped",
  "damaged or lost voter replaced",
  "voter moved",
  "replica destroyed",
  "replica created where one was destroyed",
  "transfer finished",
  "leader crashed in a joint config",
  "crash during recovery",
  "host failed",
  "pause",
  "power lost everywhere",
];

class Run {
  readonly cluster: SimulatedCluster;
  readonly drivers: readonly MembershipDriver[];
  readonly clients: readonly RegisterClients[];
  readonly faults: FaultInjection;
  /** In these runs all power goes the moment a write is acknowledged, now and then. */
  readonly losesPowerOnAcknowledgement: boolean;

  constructor(seed: number, marks: Marks) {
    const random = new SeededRandom(seed);
    const size = { servers: 3 + random.below(3), groups: 2 + random.below(2) };
    this.cluster = new SimulatedCluster(size, random, marks);
    this.losesPowerOnAcknowledgement = seed % 4 === 0;
    const { tablets } = this.cluster;
    this.drivers = tablets.map((tablet) => new MembershipDriver(this.cluster, tablet));
    this.faults = new FaultInjection(this.cluster, this.drivers);
    this.clients = tablets.map((tablet) => {
      return new RegisterClients(this.cluster, tablet, () => this.acknowledged());
    });
  }

  async play(): Promise<void> {
    const { cluster } = this;
    await cluster.form();
    for (let round = 0; round < ROUNDS && cluster.violations.length === 0; round++) {
      this.faults.step();
      this.work();
      await cluster.pass(20 + cluster.random.below(250));
    }
    this.faults.end();
    for (const driver of this.drivers) driver.movePercent = 0;
    await this.converge();
    for (const server of cluster.servers) server.crash("process");
  }

  work(): void {
    const { random } = this.cluster;
    for (const driver of this.drivers) {
      driver.step();
      if (random.below(30) === 0) driver.maybeTransfer();
    }
    for (const client of this.clients) {
      client.write();
      client.read();
    }
  }

  acknowledged(): void {
    if (!this.losesPowerOnAcknowledgement || this.cluster.random.below(60) !== 0) return;
    this.faults.losePowerEverywhere();
  }

  async converge(): Promise<void> {
    const { cluster } = this;
    const ends = cluster.line.monotonicMs() + CONVERGE_MS;
    const before = this.clients.map(({ acknowledgedWrites }) => acknowledgedWrites);
    const progressed = (): boolean =>
      this.clients.every(({ acknowledgedWrites }, at) => acknowledgedWrites > (before[at] ?? 0));
    while (!(progressed() && this.drivers.every((driver) => driver.isIdle && driver.isWhole))) {
      if (cluster.violations.length > 0) return;
      if (cluster.line.monotonicMs() > ends)
        return cluster.violate(`no progress: ${this.describe()}`);
      this.faults.keepUp();
      this.work();
      await cluster.pass(200);
    }
    while (!this.isStill()) {
      if (cluster.violations.length > 0) return;
      if (cluster.line.monotonicMs() > ends) return cluster.violate(`no rest: ${this.describe()}`);
      this.faults.keepUp();
      await cluster.pass(200);
    }
    for (const { host, machines } of cluster.servers) {
      for (const { tabletId, applied } of host?.statuses() ?? []) {
        const machine = machines?.machines.get(tabletId);
        if (machine === undefined) continue;
        const contents = await cluster.settle(machine.contents());
        cluster.history(tabletId).checkContents(applied, contents);
      }
    }
  }

  /** Every member of every group has applied all that its leader committed. */
  isStill(): boolean {
    return this.drivers.every((driver) => driver.hasAppliedAll());
  }

  describe(): string {
    return this.drivers.map((driver) => driver.describe()).join("\n");
  }
}

test(`over ${SEEDS} seeds nothing acknowledged is lost and no read is stale`, async () => {
  const marks = new Marks();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const run = new Run(seed, marks);
    try {
      await run.play();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    expect(run.cluster.violations, `seed ${seed}`).toEqual([]);
  }
  process.stdout.write(`${marks.toString()}\n`);
  if (SEEDS < 200) return;
  for (const mark of EXPECTED_MARKS) expect(marks.of(mark), mark).toBeGreaterThan(0);
}, 3_600_000);
