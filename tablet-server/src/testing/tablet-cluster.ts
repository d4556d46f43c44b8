/**
 * Several tablet servers in one process on a virtual clock, with one tablet replicated over the first of them: the
 * row service, the tablets, the replica host and the commit log are the real ones; network, disks and stores are
 * simulated. One seed is one run.
 */
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { MemoryLogDisk } from "@stele/shared/commit-log/testing/memory-log-disk.ts";
import {
  replicaId,
  serverId,
  tableId,
  tabletId,
  type ReplicaId,
  type ServerId,
} from "@stele/shared/ids.ts";
import { silentLog } from "@stele/shared/log.ts";
import type { SeededRandom } from "@stele/shared/random.ts";
import { DEFAULT_HOST_LIMITS } from "@stele/shared/replication/host-parts.ts";
import { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { SnapshotAnswer, SnapshotLink } from "@stele/shared/replication/snapshot-sender.ts";
import { WHOLE_TABLE } from "@stele/shared/row-range.ts";
import type { RaftEnvelope, RaftTransport } from "@stele/shared/rpc/channel-contract.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { timing } from "@stele/shared/timing.ts";
import { RowService } from "../row-service.ts";
import { TabletSet } from "../tablet-set.ts";
import { encodeTabletState, newTabletState } from "../tablet/tablet-state.ts";
import type { Tablet } from "../tablet/tablet.ts";
import { RowLoader } from "../tablet/row-loader.ts";
import { TABLET_LIMITS } from "../tablet/tablet-limits.ts";
import { Verifications } from "../tablet/verifications.ts";

export const TABLET = tabletId(7);
export const GENERATION = 3;
export const SCHEMA: TableSchema = {
  tableId: tableId(1),
  schemaVersion: 1,
  families: [{ name: "d", number: 1, rule: { maxVersions: 1 } }],
};

const IDEMPOTENCY_TTL_MS = 3_600_000;
const HOUR_MICROS = 3_600_000_000;

export interface ClusterFaults {
  /** Of a hundred messages, so many are lost. */
  lossPercent: number;
  delayMsMax: number;
  /** Row calls arrive and take effect, their answers get lost. */
  losesReplies: boolean;
}

/** What runs on a server between a start and a crash. */
interface Incarnation {
  readonly host: ReplicaHost;
  readonly tablets: TabletSet;
  readonly rows: RowService;
  readonly store: CheckpointStore;
  readonly verifications: Verifications;
}

export class SimulatedTabletServer {
  readonly id: ServerId;
  readonly logDisk: MemoryLogDisk;
  readonly storeDisk: MemoryStoreDisk;
  running: Incarnation | null = null;
  /** Grows with each start and crash: what belongs to an older incarnation is dropped. */
  incarnation = 0;
  snapshotsInstalled = 0;

  constructor(id: ServerId, clock: Clock, random: SeededRandom) {
    this.id = id;
    this.logDisk = new MemoryLogDisk({ random, clock, stepMs: () => 1 + random.below(4) });
    this.storeDisk = new MemoryStoreDisk({ clock, random, writeBufferBytes: 16 * 1024 });
  }

  get tablet(): Tablet | null {
    return this.running?.tablets.tablet(TABLET) ?? null;
  }
}

/** The server did not take the call, or nobody knows. */
export type CallFailure = "refused" | "timeout";

export class TabletCluster {
  readonly servers: readonly SimulatedTabletServer[];
  readonly faults: ClusterFaults = { lossPercent: 0, delayMsMax: 5, losesReplies: false };
  readonly violations: string[] = [];
  readonly clock: Clock;
  readonly #random: SeededRandom;
  /** Pairs "from>to" that do not get through. */
  readonly #cut = new Set<string>();

  constructor(count: number, clock: Clock, random: SeededRandom) {
    this.clock = clock;
    this.#random = random;
    this.servers = Array.from(
      { length: count },
      () => new SimulatedTabletServer(serverId(random.uuid()), clock, random),
    );
  }

  server(at: number): SimulatedTabletServer {
    return this.servers[at] as SimulatedTabletServer;
  }

  placeOf(id: ServerId): number {
    return this.servers.findIndex((server) => server.id === id);
  }

  replica(at: number): ReplicaId {
    return replicaId(at + 1);
  }

  /** Starts every server, with a replica of the tablet on each. */
  async form(): Promise<void> {
    const voters = this.servers.map(({ id }, at) => ({
      replicaId: this.replica(at),
      serverId: id,
    }));
    for (const [at, server] of this.servers.entries()) {
      await this.start(at);
      await server.running?.host.createReplica(TABLET, this.replica(at), {
        kind: "bootstrap",
        config: { voters, outgoing: [], learners: [] },
        state: (space) =>
          encodeTabletState(
            newTabletState({
              tabletId: TABLET,
              schema: SCHEMA,
              range: WHOLE_TABLE,
              generation: GENERATION,
              space,
            }),
          ),
      });
    }
  }

  async start(at: number): Promise<void> {
    const server = this.server(at);
    const incarnation = ++server.incarnation;
    const store = await server.storeDisk.open();
    const clock = this.#clockOf(server, incarnation);
    const failed = (error: unknown): void => {
      if (server.incarnation !== incarnation) return;
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.violations.push(`server ${at} failed: ${text}`);
    };
    const verifications = new Verifications(store, failed);
    const tablets = new TabletSet({
      store,
      clock,
      verifications,
      loader: new RowLoader(store, failed),
      limits: TABLET_LIMITS,
      idempotencyTtlMs: IDEMPOTENCY_TTL_MS,
      serverName: `ts${at}`,
      changed: () => undefined,
      damaged: (tablet, error) => {
        failed(error);
        tablet.group.reportDamage(error.message);
      },
    });
    const host = await ReplicaHost.open({
      serverId: server.id,
      clock,
      random: this.#random,
      timing: timing(),
      store,
      commitLog: { directory: server.logDisk.openDirectory(), segmentBytes: 64 * 1024 },
      transport: this.#transportOf(at, incarnation),
      snapshotLink: this.#linkOf(at, incarnation),
      factory: tablets,
      limits: {
        ...DEFAULT_HOST_LIMITS,
        checkpointBytes: 16 * 1024,
        checkpointIntervalMs: 5_000,
        retainedLogBytes: 8 * 1024,
        payloadCacheBytes: 4 * 1024,
      },
      log: silentLog,
      failed,
    });
    if (server.incarnation !== incarnation) return;
    const rows = new RowService({ tablets, store, clock, failed });
    server.running = { host, tablets, rows, store, verifications };
    host.start();
  }

  /** The process dies; `power` loses what was not synced as well. */
  crash(at: number, what: "process" | "power"): void {
    const server = this.server(at);
    server.incarnation++;
    server.snapshotsInstalled += server.running?.host.counters.snapshotsInstalled ?? 0;
    server.running = null;
    if (what === "power") server.logDisk.losePower();
    else server.logDisk.endProcess();
    server.storeDisk.crash();
  }

  /** One row call over a lossy channel; a refused one never arrived. */
  call(at: number, payload: Buffer, timeoutMs: number): Promise<Buffer | CallFailure> {
    const server = this.server(at);
    return new Promise((resolve) => {
      this.clock.after(timeoutMs, () => resolve("timeout"));
      this.#deliver(() => {
        const { incarnation, running } = server;
        if (running === null) {
          resolve("refused");
          return;
        }
        let answered = false;
        const reply = (...parts: Buffer[]): void => {
          if (answered) this.violations.push("a call was answered twice");
          answered = true;
          const bytes = Buffer.concat(parts);
          if (server.incarnation !== incarnation || this.faults.losesReplies) return;
          this.#deliver(() => resolve(bytes));
        };
        const deadlineMs = this.clock.monotonicMs() + timeoutMs;
        running.rows.handle([{ payload: Buffer.from(payload), deadlineMs, reply }]);
      });
    });
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
    this.faults.lossPercent = 0;
    this.faults.delayMsMax = 5;
  }

  #deliver(arrive: () => void): void {
    if (this.#random.below(100) < this.faults.lossPercent) return;
    this.clock.after(1 + this.#random.below(this.faults.delayMsMax), arrive);
  }

  /** Each start finds a wall clock that may be hours off those of others, and off its own of before. */
  #clockOf(server: SimulatedTabletServer, incarnation: number): Clock {
    const aheadMicros = this.#random.below(5) * HOUR_MICROS;
    const alive = (callback: () => void) => (): void => {
      if (server.incarnation === incarnation) callback();
    };
    return {
      monotonicMs: () => this.clock.monotonicMs(),
      wallMicros: () => this.clock.wallMicros() + aheadMicros,
      after: (delayMs, callback) => this.clock.after(delayMs, alive(callback)),
      soon: (callback) => this.clock.soon(alive(callback)),
    };
  }

  #transportOf(from: number, incarnation: number): RaftTransport {
    const isAlive = (): boolean => this.server(from).incarnation === incarnation;
    return {
      send: (to: ServerId, lane, envelopes: readonly RaftEnvelope[]) => {
        const at = this.placeOf(to);
        if (!isAlive() || at < 0 || this.#cut.has(`${from}>${at}`)) return;
        this.#deliver(() => {
          const host = this.server(at).running?.host;
          if (host !== undefined) host.receive(this.server(from).id, envelopes);
          else if (isAlive() && lane === "vital") {
            this.server(from).running?.host.unreachable(to, "refused");
          }
        });
      },
    };
  }

  #linkOf(from: number, incarnation: number): SnapshotLink {
    return {
      send: async (to: ServerId, frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> => {
        const at = this.placeOf(to);
        const receiver = this.server(at);
        if (receiver.running === null) throw new Error("refused");
        const { incarnation: received } = receiver;
        const isWhole = (): boolean =>
          this.server(from).incarnation === incarnation &&
          receiver.incarnation === received &&
          !this.#cut.has(`${from}>${at}`);
        return receiver.running.host.receiveSnapshot(this.#slowly(frames, isWhole));
      },
    };
  }

  async *#slowly(frames: AsyncIterable<Buffer>, isWhole: () => boolean): AsyncGenerator<Buffer> {
    for await (const frame of frames) {
      await new Promise<void>((resolve) => {
        this.clock.after(1 + this.#random.below(10), resolve);
      });
      if (!isWhole()) throw new Error("broken");
      yield frame;
    }
  }
}
