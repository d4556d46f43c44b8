/**
 * The real world of a process: its data directory, the system's clock and randomness, HTTP, files, LevelDB.
 */
import { join } from "node:path";
import type { ZodType } from "zod";
import { openLevelCheckpointStore } from "../checkpoint-store/level-checkpoint-store.adapter.ts";
import { systemClock } from "../clock.ts";
import { FileLogDirectory } from "../commit-log/log-directory.adapter.ts";
import type { ServerConfig } from "../config-knobs.ts";
import { pinoLog } from "../pino-log.adapter.ts";
import { systemRandom } from "../random.ts";
import { ReplicaHost } from "../replication/replica-host.ts";
import { FrameStreamClient } from "../rpc/frame-stream.adapter.ts";
import { HttpExchange } from "../rpc/http-exchange.adapter.ts";
import type { ClusterIdentity } from "../rpc/internal-auth.ts";
import type { ServerRole } from "../server-role.ts";
import { openAddressBook } from "./address-book-file.adapter.ts";
import { readClusterToken } from "./cluster-token.adapter.ts";
import type { DataDirectory } from "./data-directory.adapter.ts";
import { openDataDirectory } from "./data-directory.adapter.ts";
import { DurableJsonFile } from "./durable-json-file.adapter.ts";
import { endProcess } from "./fatal.adapter.ts";
import { listenInternally } from "./internal-listener.adapter.ts";
import type { MemberWorld, ServerWorld } from "./server-world.ts";

/** With what only the real one needs: its end. */
export interface SystemMemberWorld extends MemberWorld {
  readonly directory: DataDirectory;
  readonly identity: ClusterIdentity;
  /** Lets another process open the directory. */
  close(): Promise<void>;
}

/** Throws `DataDirectoryError`. */
export async function openMemberWorld(
  role: ServerRole,
  config: ServerConfig,
): Promise<SystemMemberWorld> {
  const { dataDir: path, name } = config;
  const directory = await openDataDirectory({ path, role, name, random: systemRandom });
  try {
    const { name: ownName, serverId } = directory.identity;
    const log = pinoLog({ level: config.logLevel, fields: { role, name: ownName, serverId } });
    const identity: ClusterIdentity = {
      token: await readClusterToken(config.clusterTokenFile),
      clusterId: () => directory.identity.clusterId,
    };
    const addresses = await openAddressBook(directory.pathOf("addresses.json"), log);
    const exchange = new HttpExchange(identity);
    return {
      clock: systemClock,
      random: systemRandom,
      log,
      directory,
      identity,
      addresses,
      exchange,
      failed: endProcess,
      close: async () => {
        await exchange.close();
        await directory.close();
      },
    };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** Throws `DataDirectoryError`. */
export async function openServerWorld(
  role: ServerRole,
  config: ServerConfig,
): Promise<ServerWorld> {
  const member = await openMemberWorld(role, config);
  const { clock, directory, identity } = member;
  const streams = new FrameStreamClient(clock, identity);
  return {
    ...member,
    streams,
    openLogDirectory: () => new FileLogDirectory(directory.pathOf("commit-log")),
    openStore: ({ mustExist }) =>
      openLevelCheckpointStore({
        directory: directory.pathOf("store"),
        clock,
        mustExist,
        writeBufferBytes: config.writeBufferBytes,
        cacheBytes: config.storeCacheBytes,
      }),
    openReplicas: (parts) => ReplicaHost.open(parts),
    document: <T>(name: string, schema: ZodType<T>) =>
      new DurableJsonFile(join(directory.path, name), schema),
    listen: (service) => listenInternally({ role, member, address: config.listen, service }),
    close: async () => {
      await streams.close();
      await member.close();
    },
  };
}
