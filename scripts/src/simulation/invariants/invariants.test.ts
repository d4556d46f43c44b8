import type { LogDirectory } from "@stele/shared/commit-log/disk.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { segmentName } from "@stele/shared/commit-log/log-format.ts";
import { MemoryLogDisk } from "@stele/shared/commit-log/testing/memory-log-disk.ts";
import { must } from "@stele/shared/assert.ts";
import { replicaId, serverId, tabletId, type ServerId } from "@stele/shared/ids.ts";
import { silentLog } from "@stele/shared/log.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { DEFAULT_HOST_LIMITS, type HostParts } from "@stele/shared/replication/host-parts.ts";
import { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import {
  newRegisterState,
  RegisterMachines,
} from "@stele/shared/replication/testing/register-machine.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { timing } from "@stele/shared/timing.ts";
import { describe, expect, test } from "vitest";
import { Violations } from "../violation.ts";
import { Invariants, type WatchedProcess } from "./invariants.ts";

const TABLET = tabletId(1);
const REPLICA = replicaId(10);

/** A bug below or above what the invariants see of the log's directory. */
type Tampering = (directory: LogDirectory) => LogDirectory;
const honest: Tampering = (directory) => directory;

/** Confirms every batch; what becomes of it is another matter. */
const tampered = (
  directory: LogDirectory,
  writeAndSync: LogDirectory["writeAndSync"],
): LogDirectory => ({
  list: () => directory.list(),
  readFile: (name) => directory.readFile(name),
  readAt: (name, offset, length) => directory.readAt(name, offset, length),
  createDurably: (name, bytes) => directory.createDurably(name, bytes),
  writeAndSync,
  write: (name, offset, bytes) => directory.write(name, offset, bytes),
  truncateDurably: (name, length) => directory.truncateDurably(name, length),
  remove: (name) => directory.remove(name),
  close: () => directory.close(),
});
const unsynced: Tampering = (directory) =>
  tampered(directory, (name, offset, bytes) => directory.write(name, offset, bytes));
const forgetful: Tampering = (directory) => tampered(directory, () => Promise.resolve());

/** One server with one group of one voter, watched. */
class Server implements WatchedProcess {
  readonly name = "ts1";
  readonly disks: { readonly log: MemoryLogDisk; readonly store: MemoryStoreDisk };
  host: ReplicaHost | null = null;
  tainted = false;
  readonly violations: Violations;
  readonly invariants: Invariants;
  readonly #random = new SeededRandom(7);
  readonly #clock = new SimulatedClock(this.#random, nextMacrotask);
  readonly #id: ServerId = serverId(this.#random.uuid());
  readonly #below: Tampering;
  readonly #above: Tampering;
  #machines: RegisterMachines | null = null;
  #directory: LogDirectory | null = null;

  constructor({ below = honest, above = honest }: { below?: Tampering; above?: Tampering } = {}) {
    this.#below = below;
    this.#above = above;
    const clock = this.#clock;
    const random = this.#random;
    this.disks = {
      log: new MemoryLogDisk({ random, clock, stepMs: () => 1 }),
      store: new MemoryStoreDisk({ random, clock, silentFlushPercent: 0 }),
    };
    this.violations = new Violations(() => clock.monotonicMs());
    this.invariants = new Invariants(this.violations);
  }

  async start(): Promise<void> {
    const store = await this.#clock.until(this.disks.store.open());
    this.#machines = new RegisterMachines(store);
    const parts: HostParts = {
      serverId: this.#id,
      clock: this.#clock,
      random: this.#random,
      timing: timing(),
      store,
      commitLog: {
        directory: this.#below(this.disks.log.openDirectory()),
        segmentBytes: 8 * 1024,
      },
      transport: { send: () => undefined },
      snapshotLink: { send: () => Promise.resolve("ignored") },
      factory: this.#machines,
      limits: { ...DEFAULT_HOST_LIMITS, retainedLogBytes: 100 },
      log: silentLog,
      failed: (error) => {
        throw error;
      },
    };
    const watched = this.invariants.watchHost(this, parts);
    const { commitLog } = watched;
    const directory = this.#above(commitLog.directory);
    this.#directory = directory;
    const opening = ReplicaHost.open({ ...watched, commitLog: { ...commitLog, directory } });
    this.host = await this.#clock.until(opening);
    this.invariants.opened(this);
    this.host.start();
  }

  /** Behind the host's back: one value of the data is another one, and durable. */
  async rewriteData(): Promise<void> {
    const until = <T>(done: Promise<T>): Promise<T> => this.#clock.until(done);
    const store = await this.disks.store.open();
    const range = { start: Buffer.of(0x10), end: Buffer.of(0x11), reverse: false };
    const entries = store.iterate(range);
    const [found] = await until(entries.next(1, 1 << 20));
    const [key] = must(found, "something was flushed");
    await until(entries.close());
    await until(store.write([{ type: "put", key, value: Buffer.from("other") }]));
    await until(store.checkpoint());
    this.disks.store.crash();
  }

  async bootstrap(): Promise<void> {
    const voters = [{ replicaId: REPLICA, serverId: this.#id }];
    await this.#clock.until(
      must(this.host, "host").createReplica(TABLET, REPLICA, {
        kind: "bootstrap",
        config: { voters, outgoing: [], learners: [] },
        state: newRegisterState,
      }),
    );
  }

  async write(count: number): Promise<void> {
    const machine = must(this.#machines?.machines.get(TABLET), "machine");
    await this.#clock.runUntil(() => machine.leadership.kind === "leader", 60_000);
    for (let nth = 0; nth < count; nth++) {
      let isDone = false;
      machine.write(`name ${nth % 5}`, `value ${nth} ${"x".repeat(200)}`, () => (isDone = true));
      await this.#clock.runUntil(() => isDone, 60_000);
      this.invariants.afterEvent(this);
    }
  }

  async checkpoint(): Promise<void> {
    await this.#clock.until(must(this.host, "host").checkpoint());
  }

  /** As a checkpoint would that has not looked who needs the segment. */
  async removeSegment(segment: number): Promise<void> {
    await this.#clock.until(must(this.#directory, "directory").remove(segmentName(segment)));
  }

  losePower(): void {
    this.invariants.stopped(this);
    this.host = null;
    this.disks.log.losePower();
    this.disks.store.crash();
  }
}

/** What it wrote is in its store, and was seen there. */
async function surveyedServer(): Promise<Server> {
  const server = new Server();
  await server.start();
  await server.bootstrap();
  await server.write(12);
  for (let nth = 0; nth < 2; nth++) await server.checkpoint();
  server.invariants.surveyAll();
  return server;
}

describe("over a real host", () => {
  test("nothing is found while it writes, frees segments, loses power and comes back", async () => {
    const server = new Server();
    await server.start();
    await server.bootstrap();
    await server.write(60);
    for (let nth = 0; nth < 3; nth++) await server.checkpoint();
    expect(server.host?.counters.freedSegments).toBeGreaterThan(0);
    await server.write(10);
    server.invariants.survey();
    server.losePower();
    await server.start();
    await server.write(3);
    server.invariants.surveyAll();
    expect([server.violations.first, server.invariants.leftover()]).toEqual([null, null]);
  });

  test("a host that applies what it has not synced is found", async () => {
    const server = new Server({ above: unsynced });
    await server.start();
    await server.bootstrap();
    await server.write(1);
    expect(server.violations.first?.checker).toBe("acknowledged means durable");
  });

  test("a disk that loses what it confirmed is found, unless a fault explains it", async () => {
    const server = new Server({ below: forgetful });
    await server.start();
    await server.bootstrap();
    await server.write(3);
    server.losePower();
    await server.start();
    expect(server.violations.first?.checker).toBe("recovery");

    const tainted = new Server({ below: forgetful });
    await tainted.start();
    await tainted.bootstrap();
    await tainted.write(3);
    tainted.losePower();
    tainted.tainted = true;
    await tainted.start();
    expect(tainted.violations.first).toBe(null);
  });

  test("a replica whose data differs from what was seen at its index is found", async () => {
    const server = await surveyedServer();
    server.losePower();
    await server.rewriteData();
    await server.start();
    expect(server.violations.first?.checker).toBe("equal state at equal index");
  });

  test("a replica that came back whole is compared again once no damage is left", async () => {
    const found: unknown[] = [];
    for (const isLeft of [true, false]) {
      const server = await surveyedServer();
      server.tainted = true;
      server.losePower();
      await server.rewriteData();
      server.tainted = isLeft;
      await server.start();
      found.push(server.violations.first?.checker);
    }
    expect(found).toEqual([undefined, "equal state at equal index"]);
  });

  test("a replica that is declared damaged is found, unless a fault explains it", async () => {
    const found: unknown[] = [];
    for (const tainted of [false, true]) {
      const server = new Server();
      await server.start();
      await server.bootstrap();
      await server.write(1);
      server.tainted = tainted;
      must(server.host?.group(TABLET), "group").reportDamage("a test");
      server.invariants.survey();
      server.tainted = false;
      server.losePower();
      await server.start();
      server.invariants.survey();
      found.push(server.violations.first?.checker);
    }
    expect(found).toEqual(["suspect means damaged", undefined]);
  });

  test("a segment that is freed too early is found", async () => {
    const server = new Server();
    await server.start();
    await server.bootstrap();
    await server.write(60);
    await server.removeSegment(1);
    expect(server.violations.first?.checker).toBe("log freed below the checkpoint");
  });
});
