/**
 * What a master and a tablet server have in common: a data directory with commit log and store, a replica host over
 * them, the transports between servers, and the internal HTTP server.
 *
 * Start order (docs/STORAGE_FORMAT.md, "Recovery"): lock and identity -> store -> commit log, whose records go
 * over what the store holds -> replicas -> listen.
 * Whoever starts a process calls `listen` last, when everything may arrive.
 *
 * R1. A store that is damaged beyond use, or a log that is not this server's whole log, is kept aside, and the server
 *     goes on as one whose disk was wiped: under its name, with a new server id.
 * R2. A failed log, store or invariant ends the process.
 */
import { openLevelCheckpointStore } from "../checkpoint-store/level-checkpoint-store.adapter.ts";
import { StoreRefusedError, type CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import { systemClock, type Clock } from "../clock.ts";
import { LogRefusedError } from "../commit-log/commit-log.ts";
import { FileLogDirectory } from "../commit-log/log-directory.adapter.ts";
import type { ServerConfig } from "../config-knobs.ts";
import type { ServerId } from "../ids.ts";
import type { Log } from "../log.ts";
import { pinoLog } from "../pino-log.adapter.ts";
import { systemRandom } from "../random.ts";
import { DEFAULT_HOST_LIMITS } from "../replication/host-parts.ts";
import { ReplicaHost } from "../replication/replica-host.ts";
import { DamagedValueError } from "../replication/sealed-value.ts";
import type { SnapshotAnswer, SnapshotLink } from "../replication/snapshot-sender.ts";
import type { StateMachineFactory } from "../replication/state-machine.ts";
import type { RaftInbox } from "../rpc/channel-contract.ts";
import { exchangeListener, type HttpListener } from "../rpc/exchange-listener.adapter.ts";
import { FrameStreamClient, registerStreamRoute } from "../rpc/frame-stream.adapter.ts";
import { HttpExchange } from "../rpc/http-exchange.adapter.ts";
import { HttpServer } from "../rpc/http-server.adapter.ts";
import type { ClusterIdentity } from "../rpc/internal-auth.ts";
import { RaftReceiver } from "../rpc/raft-receiver.ts";
import { QueuedRaftTransport, RAFT_PATHS } from "../rpc/raft-transport.ts";
import { RpcClient } from "../rpc/rpc-client.ts";
import type { RouteEnvironment } from "../rpc/rpc-route.ts";
import { timing } from "../timing.ts";
import { VERSION } from "../version.ts";
import type { AddressBookFile } from "./address-book-file.adapter.ts";
import { openAddressBook } from "./address-book-file.adapter.ts";
import type { AddressEntry } from "./address-book.ts";
import { openDataDirectory, type DataDirectory } from "./data-directory.adapter.ts";
import { endProcess } from "./fatal.adapter.ts";
import { readClusterToken } from "./cluster-token.adapter.ts";
import type { ServerRole } from "./server-role.ts";

const SNAPSHOT_PATH = "/internal/snapshot";
/** A receiver may wait for its store between two frames. */
const SNAPSHOT_IDLE_MS = 30_000;
/** A receiver installs, which includes a proven checkpoint, before it answers. */
const SNAPSHOT_ANSWER_MS = 60_000;
/** A frame with one largest entry. */
const MAX_BODY_BYTES = 17 * 1024 * 1024;
const CLOSE_GRACE_MS = 5_000;

/** What the state machines are made over. */
export interface MachineWorld {
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly name: string;
  readonly failed: (error: unknown) => void;
}

export interface ReplicatedProcessOptions<Machines extends StateMachineFactory> {
  readonly role: ServerRole;
  readonly config: ServerConfig;
  readonly machines: (world: MachineWorld) => Machines;
}

/** Everything of the process that its role builds on; `listen` once the role's routes are registered. */
export interface ReplicatedProcess<Machines extends StateMachineFactory> {
  readonly directory: DataDirectory;
  readonly addresses: AddressBookFile;
  readonly self: AddressEntry;
  readonly identity: ClusterIdentity;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: CheckpointStore;
  readonly host: ReplicaHost;
  readonly machines: Machines;
  readonly rpc: RpcClient;
  readonly environment: RouteEnvironment;
  /** Puts the HTTP server together and listens. */
  listen(service: ProcessService): Promise<HttpServer>;
  /** Ends cleanly: no new requests, a last checkpoint, everything closed. */
  close(): Promise<void>;
}

/** What a role adds to the HTTP server. */
export interface ProcessService {
  readonly listeners: ReadonlyMap<string, HttpListener>;
  readonly register: (server: HttpServer, environment: RouteEnvironment) => void;
  readonly unreadyReason: () => string | null;
  readonly metrics: () => string | Promise<string>;
}

export async function openReplicatedProcess<Machines extends StateMachineFactory>(
  options: ReplicatedProcessOptions<Machines>,
): Promise<ReplicatedProcess<Machines>> {
  const { role, config } = options;
  const clock = systemClock;
  const { name } = config;
  const directory = await openDataDirectory({
    path: config.dataDir,
    role,
    name,
    random: systemRandom,
  });
  const log = pinoLog({
    level: config.logLevel,
    fields: { role, name: directory.identity.name, serverId: directory.identity.serverId },
  });
  const failed = (error: unknown): void => endProcess("the replica host failed", error);
  const identity: ClusterIdentity = {
    token: await readClusterToken(config.clusterTokenFile),
    clusterId: () => directory.identity.clusterId,
  };
  const addresses = await openAddressBook(directory.pathOf("addresses.json"), log);
  const exchange = new HttpExchange(identity);
  const streams = new FrameStreamClient(clock, identity);
  // The transport brings the host its failures, and the host the transport its messages.
  const inbox: { host: RaftInbox | null } = { host: null };
  const arriving: RaftInbox = {
    receive: (from, envelopes) => inbox.host?.receive(from, envelopes),
    unreachable: (server, reason) => inbox.host?.unreachable(server, reason),
  };
  const clusterId = (): string => directory.identity.clusterId ?? "";
  const urlOf = (server: ServerId): string | null => addresses.book.get(server)?.url ?? null;
  const { store, machines, transport, host } = await openHost({
    directory,
    config,
    log,
    machines: (over) =>
      options.machines({ store: over, clock, log, name: directory.identity.name, failed }),
    transport: (sender) =>
      new QueuedRaftTransport({
        clock,
        exchange,
        addresses: { urlOf },
        inbox: arriving,
        clusterId,
        sender,
      }),
    snapshotLink: snapshotLink(streams, urlOf),
    failed,
  });
  const { serverId } = directory.identity;
  inbox.host = host;
  const environment: RouteEnvironment = {
    clock,
    unexpected: (error, path) => log.error({ error, path }, "a route failed"),
  };
  const receiver = new RaftReceiver({ inbox: arriving, clusterId, recipient: serverId });
  let server: HttpServer | null = null;
  const self: AddressEntry = {
    serverId,
    name: directory.identity.name,
    role,
    url: config.advertise ?? `http://${config.listen.host}:${config.listen.port}`,
    announcedAtMicros: clock.wallMicros(),
  };
  return {
    directory,
    addresses,
    self,
    identity,
    clock,
    log,
    store,
    host,
    machines,
    rpc: new RpcClient(clock, exchange),
    environment,
    listen: async (service) => {
      const raft = exchangeListener({
        identity,
        maxBodyBytes: MAX_BODY_BYTES,
        handler: receiver.accept,
      });
      server = new HttpServer({
        clock,
        identity,
        role,
        version: VERSION,
        unreadyReason: service.unreadyReason,
        metrics: service.metrics,
        listeners: new Map([
          ...service.listeners,
          [RAFT_PATHS.vital, raft],
          [RAFT_PATHS.append, raft],
        ]),
        unexpected: environment.unexpected,
      });
      registerStreamRoute(
        server.app,
        SNAPSHOT_PATH,
        async (frames) => Buffer.from(await host.receiveSnapshot(frames)),
        environment,
      );
      service.register(server, environment);
      await server.listen(config.listen.host, config.listen.port);
      return server;
    },
    close: async () => {
      await server?.close(CLOSE_GRACE_MS);
      transport.close();
      await host.close();
      await exchange.close();
      await streams.close();
      await directory.close();
    },
  };
}

interface HostWiring<Machines extends StateMachineFactory> {
  readonly directory: DataDirectory;
  readonly config: ServerConfig;
  readonly log: Log;
  readonly machines: (store: CheckpointStore) => Machines;
  readonly transport: (sender: ServerId) => QueuedRaftTransport;
  readonly snapshotLink: SnapshotLink;
  readonly failed: (error: unknown) => void;
}

interface OpenedHost<Machines extends StateMachineFactory> {
  readonly store: CheckpointStore;
  readonly machines: Machines;
  readonly transport: QueuedRaftTransport;
  readonly host: ReplicaHost;
}

/** R1. */
async function openHost<Machines extends StateMachineFactory>(
  wiring: HostWiring<Machines>,
): Promise<OpenedHost<Machines>> {
  const { directory, log } = wiring;
  // A log that is gone took votes and entries with it; only a new directory may be without one.
  let whenEmpty: "create" | "refuse" = directory.isNew ? "create" : "refuse";
  for (;;) {
    try {
      return await openHostOnce(wiring, whenEmpty);
    } catch (error) {
      if (!isUnusableDisk(error)) throw error;
      const place = await directory.setContentsAside();
      whenEmpty = "create";
      log.error(
        { error, place, serverId: directory.identity.serverId },
        "the disk's contents are kept aside; the server goes on as if its disk were new",
      );
    }
  }
}

function isUnusableDisk(error: unknown): boolean {
  return (
    error instanceof StoreRefusedError ||
    error instanceof LogRefusedError ||
    error instanceof DamagedValueError
  );
}

async function openHostOnce<Machines extends StateMachineFactory>(
  wiring: HostWiring<Machines>,
  whenEmpty: "create" | "refuse",
): Promise<OpenedHost<Machines>> {
  const { directory, config, log, snapshotLink: link, failed } = wiring;
  const { serverId } = directory.identity;
  const logDirectory = new FileLogDirectory(directory.pathOf("commit-log"));
  const store = await openStore(directory, config, logDirectory).catch(async (error: unknown) => {
    await logDirectory.close();
    throw error;
  });
  const machines = wiring.machines(store);
  const transport = wiring.transport(serverId);
  try {
    const host = await ReplicaHost.open({
      serverId,
      clock: systemClock,
      random: systemRandom,
      timing: timing(config.timingScale),
      store,
      commitLog: { directory: logDirectory, segmentBytes: config.segmentBytes, whenEmpty },
      transport,
      snapshotLink: link,
      factory: machines,
      limits: {
        ...DEFAULT_HOST_LIMITS,
        checkpointBytes: config.checkpointBytes,
        checkpointIntervalMs: config.checkpointIntervalMs,
        retainedLogBytes: config.retainedLogBytes,
        payloadCacheBytes: config.payloadCacheBytes,
        maxUnappliedBytes: config.maxUnappliedBytes,
      },
      log,
      failed,
    });
    return { store, machines, transport, host };
  } catch (error) {
    transport.close();
    await store.close();
    throw error;
  }
}

/** The log is made after the store: where there is a log there must be a store. */
async function openStore(
  directory: DataDirectory,
  config: ServerConfig,
  logDirectory: FileLogDirectory,
): Promise<CheckpointStore> {
  return openLevelCheckpointStore({
    directory: directory.pathOf("store"),
    clock: systemClock,
    mustExist: (await logDirectory.list()).length > 0,
    writeBufferBytes: config.writeBufferBytes,
    cacheBytes: config.storeCacheBytes,
  });
}

function snapshotLink(
  streams: FrameStreamClient,
  urlOf: (server: AddressEntry["serverId"]) => string | null,
): SnapshotLink {
  return {
    send: async (to, frames) => {
      const url = urlOf(to);
      if (url === null) throw new Error(`no address of server ${to} is known`);
      const options = { answerMs: SNAPSHOT_ANSWER_MS, idleMs: SNAPSHOT_IDLE_MS };
      const answer = await streams.sendStream(url, SNAPSHOT_PATH, frames, options);
      return answer.toString() as SnapshotAnswer;
    },
  };
}
