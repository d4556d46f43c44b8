/**
 * What every process of a cluster has: a data directory that says who it is, a log that says so too, the addresses
 * of the others, and the calling end of the internal network.
 */
import type { ServerConfig } from "../config-knobs.ts";
import { systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { pinoLog } from "../pino-log.adapter.ts";
import { systemRandom } from "../random.ts";
import { HttpExchange } from "../rpc/http-exchange.adapter.ts";
import type { ClusterIdentity } from "../rpc/internal-auth.ts";
import { RpcClient } from "../rpc/rpc-client.ts";
import { openAddressBook } from "./address-book-file.adapter.ts";
import type { AddressBookFile } from "./address-book-file.adapter.ts";
import type { AddressEntry } from "../wire/address-entry.ts";
import { readClusterToken } from "./cluster-token.adapter.ts";
import { openDataDirectory } from "./data-directory.adapter.ts";
import type { DataDirectory } from "./data-directory.adapter.ts";
import type { ServerRole } from "../server-role.ts";

export interface ClusterMember {
  readonly directory: DataDirectory;
  readonly log: Log;
  readonly identity: ClusterIdentity;
  readonly addresses: AddressBookFile;
  readonly exchange: HttpExchange;
  readonly rpc: RpcClient;
  /** Those that the address book knows. */
  masters(): readonly AddressEntry[];
  /** Where masters may be reached: as configured, then as known. Without doubles. */
  masterUrls(): readonly string[];
  /** Lets another process open the directory. */
  close(): Promise<void>;
}

/** Throws `DataDirectoryError`. */
export async function openClusterMember(
  role: ServerRole,
  config: ServerConfig,
): Promise<ClusterMember> {
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
    const masters = () => addresses.book.entries().filter((entry) => entry.role === "master");
    return {
      directory,
      log,
      identity,
      addresses,
      exchange,
      rpc: new RpcClient(systemClock, exchange),
      masters,
      masterUrls: () => [...new Set([...config.masters, ...masters().map(({ url }) => url)])],
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
