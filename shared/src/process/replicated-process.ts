/**
 * What a master and a tablet server have in common: a replica host over the disks of a server's world, and the
 * internal network on which it, and what the role adds, is reached.
 *
 * R1. Whoever opens a process calls `listen` last, when everything may arrive.
 * R2. A failed log, store or invariant ends the process.
 */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import type { ServerConfig } from "../config-knobs.ts";
import type { ServerId } from "../ids.ts";
import type { ReplicaHost } from "../replication/replica-host.ts";
import type { StateMachineFactory } from "../replication/state-machine.ts";
import type { RaftInbox } from "../rpc/channel-contract.ts";
import { RaftReceiver } from "../rpc/raft-receiver.ts";
import { laneTimeouts, QueuedRaftTransport, RAFT_PATHS } from "../rpc/raft-transport.ts";
import type { ServerRole } from "../server-role.ts";
import { timing } from "../timing.ts";
import type { AddressEntry } from "../wire/address-entry.ts";
import { ClusterMember } from "./cluster-member.ts";
import { openHost } from "./open-host.ts";
import type { InternalService, Listening, ServerWorld } from "./server-world.ts";
import { registerSnapshotRoute, snapshotLink } from "./snapshot-conversation.ts";

const CLOSE_GRACE_MS = 5_000;

export interface ReplicatedProcessOptions<Machines extends StateMachineFactory> {
  readonly role: ServerRole;
  readonly config: ServerConfig;
  /** Called again when the disks had to be opened a second time; the last result counts. */
  readonly machines: (store: CheckpointStore) => Machines;
}

/** Everything of the process that its role builds on. */
export interface ReplicatedProcess<Machines extends StateMachineFactory> {
  readonly member: ClusterMember;
  readonly self: AddressEntry;
  readonly store: CheckpointStore;
  readonly host: ReplicaHost;
  readonly machines: Machines;
  /** Serves the role's service beside the host's own routes (R1). */
  listen(service: InternalService): Promise<void>;
  /** Ends cleanly: no new requests, a last checkpoint, everything closed. */
  close(): Promise<void>;
}

/** Whatever it rejects with, the world is closed then. */
export async function openReplicatedProcess<Machines extends StateMachineFactory>(
  world: ServerWorld,
  options: ReplicatedProcessOptions<Machines>,
): Promise<ReplicatedProcess<Machines>> {
  const { role, config } = options;
  const { addresses, clock, directory, exchange, streams } = world;
  const urlOf = (server: ServerId): string | null => addresses.book.get(server)?.url ?? null;
  const clusterId = (): string => directory.identity.clusterId ?? "";
  const relay = new InboxRelay();
  const { store, machines, transport, host } = await openHost(world, {
    config,
    machines: options.machines,
    transport: (sender) =>
      new QueuedRaftTransport({
        clock,
        exchange,
        urls: { urlOf },
        inbox: relay,
        clusterId,
        sender,
        limits: { timeoutMs: laneTimeouts(timing(config.timingScale)) },
      }),
    snapshotLink: snapshotLink(streams, urlOf),
    failed: (error) => world.failed("the replica host failed", error),
  }).catch(async (error: unknown) => {
    await world.close();
    throw error;
  });
  relay.inbox = host;
  const recipient = directory.identity.serverId;
  const receiver = new RaftReceiver({ inbox: host, clusterId, recipient });
  let listening: Listening | null = null;
  return {
    member: new ClusterMember(world, config),
    self: selfOf(role, world, config),
    store,
    host,
    machines,
    listen: async (service) => {
      listening = await world.listen({
        ...service,
        register: (routes) => {
          routes.exchange(RAFT_PATHS.vital, receiver.accept);
          routes.exchange(RAFT_PATHS.append, receiver.accept);
          registerSnapshotRoute(routes, (frames) => host.receiveSnapshot(frames));
          service.register(routes);
        },
      });
    },
    close: async () => {
      await listening?.close(CLOSE_GRACE_MS);
      transport.close();
      await host.close();
      await world.close();
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

function selfOf(role: ServerRole, world: ServerWorld, config: ServerConfig): AddressEntry {
  const { serverId, name } = world.directory.identity;
  return {
    serverId,
    name,
    role,
    url: config.advertise ?? `http://${config.listen.host}:${config.listen.port}`,
    announcedAtMicros: world.clock.wallMicros(),
  };
}
