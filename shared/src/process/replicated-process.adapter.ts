/**
 * What a master and a tablet server have in common: a replica host over the disks of a data directory, and the
 * internal network on which it, and what the role adds, is reached.
 *
 * R1. Whoever opens a process calls `listen` last, when everything may arrive.
 * R2. A failed log, store or invariant ends the process.
 */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import { systemClock, type Clock } from "../clock.ts";
import type { ServerConfig } from "../config-knobs.ts";
import type { ServerId } from "../ids.ts";
import type { Log } from "../log.ts";
import type { ReplicaHost } from "../replication/replica-host.ts";
import type { StateMachineFactory } from "../replication/state-machine.ts";
import type { RaftInbox } from "../rpc/channel-contract.ts";
import { exchangeListener, type HttpListener } from "../rpc/exchange-listener.adapter.ts";
import { FrameStreamClient } from "../rpc/frame-stream.adapter.ts";
import { HttpServer } from "../rpc/http-server.adapter.ts";
import { RaftReceiver } from "../rpc/raft-receiver.ts";
import { QueuedRaftTransport, RAFT_PATHS } from "../rpc/raft-transport.ts";
import type { RouteEnvironment } from "../rpc/rpc-route.ts";
import { VERSION } from "../version.ts";
import type { AddressEntry } from "../wire/address-entry.ts";
import { openClusterMember, type ClusterMember } from "./cluster-member.adapter.ts";
import { endProcess } from "./fatal.adapter.ts";
import { openHost, type OpenedHost } from "./open-host.adapter.ts";
import type { ServerRole } from "../server-role.ts";
import { registerSnapshotRoute, snapshotLink } from "./snapshot-conversation.adapter.ts";

/** A frame with one largest entry, or one largest row. */
export const MAX_BATCH_BODY_BYTES = 17 * 1024 * 1024;
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
  /** Called again when the disks had to be opened a second time; the last result counts. */
  readonly machines: (world: MachineWorld) => Machines;
}

/** Everything of the process that its role builds on. */
export interface ReplicatedProcess<Machines extends StateMachineFactory> extends ClusterMember {
  readonly self: AddressEntry;
  readonly clock: Clock;
  readonly store: CheckpointStore;
  readonly host: ReplicaHost;
  readonly machines: Machines;
  /** Puts the HTTP server together and listens (R1). */
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
  const member = await openClusterMember(role, config);
  const { addresses, directory, exchange, identity, log } = member;
  const streams = new FrameStreamClient(clock, identity);
  const urlOf = (server: ServerId): string | null => addresses.book.get(server)?.url ?? null;
  const failed = (error: unknown): void => endProcess("the replica host failed", error);
  const relay = new InboxRelay();
  const clusterId = (): string => identity.clusterId() ?? "";
  const opened = await openHost({
    directory,
    config,
    log,
    machines: (store) =>
      options.machines({ store, clock, log, name: directory.identity.name, failed }),
    transport: (sender) =>
      new QueuedRaftTransport({
        clock,
        exchange,
        urls: { urlOf },
        inbox: relay,
        clusterId,
        sender,
      }),
    snapshotLink: snapshotLink(streams, urlOf),
    failed,
  });
  const { store, machines, transport, host } = opened;
  relay.inbox = host;
  let server: HttpServer | null = null;
  return {
    ...member,
    self: selfOf(role, config, member),
    clock,
    store,
    host,
    machines,
    listen: async (service) => {
      server = internalServer(role, member, opened, service);
      await server.listen(config.listen.host, config.listen.port);
      return server;
    },
    close: async () => {
      await server?.close(CLOSE_GRACE_MS);
      transport.close();
      await host.close();
      await streams.close();
      await member.close();
    },
  };
}

/** The transport brings the host its failures, and the host the transport its messages: one has to come first. */
class InboxRelay implements RaftInbox {
  inbox: RaftInbox | null = null;

  receive(...message: Parameters<RaftInbox["receive"]>): void {
    this.inbox?.receive(...message);
  }

  unreachable(...failure: Parameters<RaftInbox["unreachable"]>): void {
    this.inbox?.unreachable(...failure);
  }
}

function selfOf(role: ServerRole, config: ServerConfig, member: ClusterMember): AddressEntry {
  const { serverId, name } = member.directory.identity;
  return {
    serverId,
    name,
    role,
    url: config.advertise ?? `http://${config.listen.host}:${config.listen.port}`,
    announcedAtMicros: systemClock.wallMicros(),
  };
}

function internalServer<Machines extends StateMachineFactory>(
  role: ServerRole,
  { directory, identity, log }: ClusterMember,
  { host }: OpenedHost<Machines>,
  service: ProcessService,
): HttpServer {
  const environment: RouteEnvironment = {
    clock: systemClock,
    unexpected: (error, path) => log.error({ error, path }, "a route failed"),
  };
  const receiver = new RaftReceiver({
    inbox: host,
    clusterId: () => identity.clusterId() ?? "",
    recipient: directory.identity.serverId,
  });
  const raft = exchangeListener({
    identity,
    maxBodyBytes: MAX_BATCH_BODY_BYTES,
    handler: receiver.accept,
  });
  const server = new HttpServer({
    clock: environment.clock,
    identity,
    role,
    version: VERSION,
    unreadyReason: service.unreadyReason,
    metrics: service.metrics,
    listeners: new Map([...service.listeners, [RAFT_PATHS.vital, raft], [RAFT_PATHS.append, raft]]),
    unexpected: environment.unexpected,
  });
  registerSnapshotRoute(server.app, (frames) => host.receiveSnapshot(frames), environment);
  service.register(server, environment);
  return server;
}
