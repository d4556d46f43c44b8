/**
 * Opens the disks of a process that holds replicas, and the replica host over them: store, then commit log, whose
 * records go over what the store holds, then replicas (docs/STORAGE_FORMAT.md, "Recovery").
 *
 * H1. A store that is damaged beyond use, or a log that is not this server's whole log, is kept aside, and the server
 *     goes on as one whose disk was wiped: under its name, with a new server id.
 */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import { StoreReadError, StoreRefusedError } from "../checkpoint-store/checkpoint-store.ts";
import { LogRefusedError } from "../commit-log/commit-log.ts";
import type { ServerConfig } from "../config-knobs.ts";
import type { ServerId } from "../ids.ts";
import { DEFAULT_HOST_LIMITS } from "../replication/host-parts.ts";
import type { ReplicaHost } from "../replication/replica-host.ts";
import { DamagedValueError } from "../replication/sealed-value.ts";
import type { SnapshotLink } from "../replication/snapshot-sender.ts";
import type { StateMachineFactory } from "../replication/state-machine.ts";
import type { QueuedRaftTransport } from "../rpc/raft-transport.ts";
import { timing } from "../timing.ts";
import type { ServerWorld } from "./server-world.ts";

/** Of a server's world, what its disks and its host need. */
export type HostWorld = Pick<
  ServerWorld,
  "clock" | "directory" | "log" | "openLogDirectory" | "openReplicas" | "openStore" | "random"
>;

export interface HostOptions<Machines extends StateMachineFactory> {
  readonly config: ServerConfig;
  readonly machines: (store: CheckpointStore) => Machines;
  readonly transport: (sender: ServerId) => QueuedRaftTransport;
  readonly snapshotLink: SnapshotLink;
  readonly failed: (error: unknown) => void;
}

export interface OpenedHost<Machines extends StateMachineFactory> {
  readonly store: CheckpointStore;
  readonly machines: Machines;
  readonly transport: QueuedRaftTransport;
  readonly host: ReplicaHost;
}

/** H1. */
export async function openHost<Machines extends StateMachineFactory>(
  world: HostWorld,
  options: HostOptions<Machines>,
): Promise<OpenedHost<Machines>> {
  const { directory, log } = world;
  // A log that is gone took votes and entries with it; only a new directory may be without one.
  let whenEmpty: "create" | "refuse" = directory.isNew ? "create" : "refuse";
  for (;;) {
    try {
      return await openHostOnce(world, options, whenEmpty);
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
  // Of what the host itself keeps in the store: damage to the data of a replica is found later.
  if (error instanceof StoreReadError) return error.isDamage;
  return (
    error instanceof StoreRefusedError ||
    error instanceof LogRefusedError ||
    error instanceof DamagedValueError
  );
}

async function openHostOnce<Machines extends StateMachineFactory>(
  world: HostWorld,
  options: HostOptions<Machines>,
  whenEmpty: "create" | "refuse",
): Promise<OpenedHost<Machines>> {
  const { clock, directory, log, random } = world;
  const { config, snapshotLink, failed } = options;
  const { serverId } = directory.identity;
  const logDirectory = world.openLogDirectory();
  // The log is made after the store: where there is a log there must be a store.
  const store = await logDirectory
    .list()
    .then((names) => world.openStore({ mustExist: names.length > 0 }))
    .catch(async (error: unknown) => {
      await logDirectory.close();
      throw error;
    });
  const machines = options.machines(store);
  const transport = options.transport(serverId);
  try {
    const host = await world.openReplicas({
      serverId,
      clock,
      random,
      timing: timing(config.timingScale),
      store,
      commitLog: { directory: logDirectory, segmentBytes: config.segmentBytes, whenEmpty },
      transport,
      snapshotLink,
      factory: machines,
      limits: {
        ...DEFAULT_HOST_LIMITS,
        checkpointBytes:
          config.checkpointBytes ?? Math.max(config.segmentBytes, config.writeBufferBytes),
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
