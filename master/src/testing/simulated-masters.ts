/**
 * Masters in one process on a virtual clock: the real `Master`, replica host, Raft core, commit log and routes,
 * over a network, disks and stores in memory. Tablet servers are a model (cluster-model.ts) that heartbeats over
 * the same network.
 */
import { assert, must } from "@stele/shared/assert.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { MemoryLogDisk } from "@stele/shared/commit-log/testing/memory-log-disk.ts";
import { serverId, type ServerId } from "@stele/shared/ids.ts";
import { silentLog } from "@stele/shared/log.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { AddressBook } from "@stele/shared/process/address-book.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { DEFAULT_HOST_LIMITS } from "@stele/shared/replication/host-parts.ts";
import { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { SnapshotAnswer } from "@stele/shared/replication/snapshot-sender.ts";
import type { RaftInbox } from "@stele/shared/rpc/channel-contract.ts";
import { MemoryNetwork, type MemoryHost } from "@stele/shared/rpc/testing/memory-network.ts";
import { RaftReceiver } from "@stele/shared/rpc/raft-receiver.ts";
import { QueuedRaftTransport, RAFT_PATHS } from "@stele/shared/rpc/raft-transport.ts";
import { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import { routeEndpoint, type RpcRoute } from "@stele/shared/rpc/rpc-route.ts";
import type { RequestOf, ResponseOf, RouteEnvironment } from "@stele/shared/rpc/rpc-route.ts";
import { SimulatedClock, type ProcessClock } from "@stele/shared/testing/simulated-clock.ts";
import { timing } from "@stele/shared/timing.ts";
import { catalogMachines } from "../catalog/catalog-machine.ts";
import { CatalogReplica } from "../catalog-replica.ts";
import type { FormingDocument } from "../forming/forming-document.ts";
import { DEFAULT_LEADER_LIMITS, type LeaderLimits } from "../leader-state.ts";
import { Master } from "../master.ts";

const SNAPSHOT_PATH = "/internal/snapshot";

/** What a master's data directory holds. */
interface Directory {
  serverId: ServerId;
  clusterId: string | null;
  forming: FormingDocument | null;
  readonly addresses: AddressBook;
  readonly logDisk: MemoryLogDisk;
  readonly storeDisk: MemoryStoreDisk;
}

export interface RunningMaster {
  readonly master: Master;
  readonly replica: CatalogReplica;
  readonly host: ReplicaHost;
  readonly clock: ProcessClock;
  readonly net: MemoryHost;
}

/** One process of a master, from start to crash. */
interface MasterProcess {
  readonly clock: ProcessClock;
  readonly net: MemoryHost;
  readonly directory: Directory;
  readonly failed: (error: unknown) => void;
  readonly environment: RouteEnvironment;
}

export class SimulatedMasters {
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly network: MemoryNetwork;
  readonly urls: readonly string[];
  readonly limits: LeaderLimits;
  readonly directories: Directory[];
  readonly running: (RunningMaster | null)[];
  /** Why a master refused to go on, by position. */
  readonly refusals = new Map<number, string>();
  readonly failures: string[] = [];
  #clients = 0;

  constructor(seed: number, count: number, limits: LeaderLimits = DEFAULT_LEADER_LIMITS) {
    this.random = new SeededRandom(seed);
    this.clock = new SimulatedClock(this.random, nextMacrotask);
    this.network = new MemoryNetwork(this.random);
    this.limits = limits;
    this.urls = Array.from({ length: count }, (_, at) => `http://m${at + 1}:7080`);
    this.directories = this.urls.map(() => this.#emptyDirectory());
    this.running = this.urls.map(() => null);
  }

  at(position: number): RunningMaster {
    return must(this.running[position], `master ${position} runs`);
  }

  leader(): RunningMaster | null {
    return this.running.find((running) => (running?.replica.leader ?? null) !== null) ?? null;
  }

  /** Position of the leader, or -1. */
  leaderAt(): number {
    const leader = this.leader();
    return leader === null ? -1 : this.running.indexOf(leader);
  }

  wipe(at: number): void {
    this.crash(at);
    this.directories[at] = this.#emptyDirectory();
  }

  crash(at: number): void {
    const running = this.running[at];
    this.running[at] = null;
    if (running === null || running === undefined) return;
    running.clock.stop();
    running.net.crash();
    const directory = this.#directory(at);
    directory.logDisk.losePower();
    directory.storeDisk.crash();
  }

  async start(at: number, { bootstrap }: { readonly bootstrap: boolean }): Promise<void> {
    assert(this.running[at] === null, () => `master ${at} runs already`);
    const process = this.#newProcess(at);
    const { clock, net, directory, environment } = process;
    const { host, replica } = await this.#openReplica(process);
    try {
      const master = await Master.open({
        self: this.#address(at, directory),
        masterUrls: this.urls,
        bootstrap,
        cluster: {
          clusterId: () => directory.clusterId,
          setClusterId: async (id) => {
            assert(directory.clusterId === null || directory.clusterId === id, "one cluster");
            directory.clusterId = id;
          },
        },
        formingFile: {
          read: async () => directory.forming,
          write: async (document) => void (directory.forming = document),
        },
        addresses: {
          book: directory.addresses,
          merge: async (entries) => void directory.addresses.merge(entries),
        },
        replica,
        host,
        rpc: new RpcClient(clock, net),
        clock,
        random: this.random,
        log: silentLog,
      });
      master.register({
        route: (route, handler) => {
          net.serve(route.path, routeEndpoint(route, handler, environment));
        },
      });
      this.running[at] = { master, replica, host, clock, net };
      master.run().catch((error: unknown) => this.#refused(at, error));
    } catch (error) {
      this.running[at] = { master: null as never, replica, host, clock, net };
      this.#refused(at, error);
    }
  }

  #newProcess(at: number): MasterProcess {
    const clock = this.clock.process();
    const failed = (error: unknown): void =>
      void this.failures.push(`m${at + 1}: ${String(error)}`);
    const unexpected = (error: unknown, path: string): void => failed(`${path}: ${String(error)}`);
    return {
      clock,
      net: this.network.host(must(this.urls[at], "a master"), clock),
      directory: this.#directory(at),
      failed,
      environment: { clock, unexpected },
    };
  }

  /** The replica of the catalog over its host, reached by the others. */
  async #openReplica(process: MasterProcess): Promise<Pick<RunningMaster, "host" | "replica">> {
    const { clock, net, directory, failed, environment } = process;
    const clusterId = (): string => directory.clusterId ?? "";
    const urlOf = (server: ServerId): string | null => directory.addresses.get(server)?.url ?? null;
    const inbox: { host: RaftInbox | null } = { host: null };
    const arriving: RaftInbox = {
      receive: (from, envelopes) => inbox.host?.receive(from, envelopes),
      unreachable: (server, reason) => inbox.host?.unreachable(server, reason),
    };
    const store = await directory.storeDisk.open();
    const { limits } = this;
    const replica = new CatalogReplica({ clock, log: silentLog, limits, holdMs: 1_000, failed });
    const sender = directory.serverId;
    const host = await ReplicaHost.open({
      serverId: sender,
      clock,
      random: this.random,
      timing: timing(),
      store,
      commitLog: { directory: directory.logDisk.openDirectory(), segmentBytes: 64 * 1024 },
      transport: new QueuedRaftTransport({
        clock,
        exchange: net,
        urls: { urlOf },
        inbox: arriving,
        clusterId,
        sender,
      }),
      snapshotLink: {
        send: async (to, frames) => {
          const peer = must(urlOf(to), "the address of a member");
          const answer = await net.sendStream(peer, SNAPSHOT_PATH, frames, { answerMs: 10_000 });
          return answer.toString() as SnapshotAnswer;
        },
      },
      factory: catalogMachines({ store, clock }, replica.watch),
      limits: { ...DEFAULT_HOST_LIMITS, checkpointIntervalMs: 5_000, retainedLogBytes: 4 * 1024 },
      log: silentLog,
      failed,
    });
    inbox.host = host;
    const receiver = new RaftReceiver({ inbox: arriving, clusterId, recipient: sender });
    net.serve(RAFT_PATHS.vital, receiver.accept);
    net.serve(RAFT_PATHS.append, receiver.accept);
    const receive = async (frames: AsyncIterable<Buffer>): Promise<Buffer> =>
      Buffer.from(await host.receiveSnapshot(frames));
    net.serveStream(SNAPSHOT_PATH, receive, environment);
    return { host, replica };
  }

  /** Calls a route from a process of its own, at the leader. Null: nobody answered in time. */
  async ask<Route extends RpcRoute>(
    route: Route,
    request: RequestOf<Route>,
    limitMs: number,
  ): Promise<ResponseOf<Route> | null> {
    const clock = this.clock.process();
    const net = this.network.host(`http://client${this.#clients++}`, clock);
    const rpc = new RpcClient(clock, net);
    const deadlineMs = clock.monotonicMs() + limitMs;
    let url: string | null = null;
    for (let attempt = 0; clock.monotonicMs() < deadlineMs; attempt++) {
      const to: string = url ?? must(this.urls[attempt % this.urls.length], "a master");
      const options = { deadlineMs: Math.min(deadlineMs, clock.monotonicMs() + 5_000) };
      const reply: unknown = await rpc.call(to, route, request, options).catch((error: Error) => {
        if (error.name === "ChannelFailure") return null;
        throw error;
      });
      const { kind, leaderUrl } = (reply ?? { kind: "not-leader" }) as {
        kind?: string;
        leaderUrl?: string | null;
      };
      if (reply !== null && kind !== "not-leader") return reply as ResponseOf<Route>;
      url = leaderUrl ?? null;
      await new Promise<void>((resolve) => void clock.after(100, resolve));
    }
    return null;
  }

  /** Calls a route of one master once. */
  askAt<Route extends RpcRoute>(
    at: number,
    route: Route,
    request: RequestOf<Route>,
    limitMs: number,
  ): Promise<ResponseOf<Route>> {
    const clock = this.clock.process();
    const net = this.network.host(`http://client${this.#clients++}`, clock);
    const url = must(this.urls[at], "a master");
    const deadlineMs = clock.monotonicMs() + limitMs;
    return new RpcClient(clock, net).call(url, route, request, { deadlineMs });
  }

  #refused(at: number, error: unknown): void {
    this.refusals.set(at, error instanceof Error ? error.message : String(error));
    this.crash(at);
  }

  #address(at: number, directory: Directory): AddressEntry {
    return {
      serverId: directory.serverId,
      name: `m${at + 1}`,
      role: "master",
      url: must(this.urls[at], "a master"),
      announcedAtMicros: this.clock.wallMicros(),
    };
  }

  #directory(at: number): Directory {
    return must(this.directories[at], "a directory");
  }

  #emptyDirectory(): Directory {
    const { clock, random } = this;
    return {
      serverId: serverId(random.uuid()),
      clusterId: null,
      forming: null,
      addresses: new AddressBook(),
      logDisk: new MemoryLogDisk({ random, clock, stepMs: () => 1 + random.below(3) }),
      storeDisk: new MemoryStoreDisk({ clock, random, writeBufferBytes: 16 * 1024 }),
    };
  }
}
