/**
 * Opens the disks of a process that holds replicas, and the replica host over them: store, then commit log, whose
 * records go over what the store holds, then replicas (docs/STORAGE_FORMAT.md, "Recovery").
 *
 * H1. A store that is damaged beyond use, or a log that is not this server's whole log, is kept aside, and the server
 *     goes on as one whose disk was wiped: under its name, with a new server id.
 */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import { StoreReadError, StoreRefusedError } from "../checkpoint-store/checkpoint-store.ts";
import { openLevelCheckpointStore } from "../checkpoint-store/level-checkpoint-store.adapter.ts";
import { systemClock } from "../clock.ts";
import { LogRefusedError } from "../commit-log/commit-log.ts";
import { FileLogDirectory } from "../commit-log/log-directory.adapter.ts";
import type { ServerConfig } from "../config-knobs.ts";
import type { ServerId } from "../ids.ts";
import type { Log } from "../log.ts";
import { systemRandom } from "../random.ts";
import { DEFAULT_HOST_LIMITS } from "../replication/host-parts.ts";
import { ReplicaHost } from "../replication/replica-host.ts";
import { DamagedValueError } from "../replication/sealed-value.ts";
import type { SnapshotLink } from "../replication/snapshot-sender.ts";
import type { StateMachineFactory } from "../replication/state-machine.ts";
import type { QueuedRaftTransport } from "../rpc/raft-transport.ts";
import { timing } from "../timing.ts";
import type { DataDirectory } from "./data-directory.adapter.ts";

export interface HostParts<Machines extends StateMachineFactory> {
  readonly directory: DataDirectory;
  readonly config: ServerConfig;
  readonly log: Log;
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
  parts: HostParts<Machines>,
): Promise<OpenedHost<Machines>> {
  const { directory, log } = parts;
  // A log that is gone took votes and entries with it; only a new directory may be without one.
  let whenEmpty: "create" | "refuse" = directory.isNew ? "create" : "refuse";
  for (;;) {
    try {
      return await openHostOnce(parts, whenEmpty);
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
  parts: HostParts<Machines>,
  whenEmpty: "create" | "refuse",
): Promise<OpenedHost<Machines>> {
  const { directory, config, log, snapshotLink: link, failed } = parts;
  const { serverId } = directory.identity;
  const logDirectory = new FileLogDirectory(directory.pathOf("commit-log"));
  const store = await openStore(directory, config, logDirectory).catch(async (error: unknown) => {
    await logDirectory.close();
    throw error;
  });
  const machines = parts.machines(store);
  const transport = parts.transport(serverId);
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
