/**
 * One master without its HTTP server: the catalog's replica, forming, addresses, and the routes over them. The
 * same object runs in a real process (server.ts) and in the simulator.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";
import type { DurableAddressBook } from "@stele/shared/process/address-book.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import type { CatalogReplica } from "./catalog-replica.ts";
import { Forming, FormingRefusedError } from "./forming/forming.ts";
import type { FormingFile } from "./forming/forming-document.ts";
import { FormingPeers } from "./forming/forming-peers.ts";
import { MasterAddresses } from "./master-addresses.ts";
import { MasterDirectory } from "./master-directory.ts";
import { registerClusterRoutes } from "./routes/cluster-routes.ts";
import { registerHeartbeatRoutes } from "./routes/heartbeat-routes.ts";
import { registerMasterRoutes } from "./routes/master-routes.ts";
import type { RouteRegistrar } from "./routes/route-registrar.ts";
import { registerTableRoutes } from "./routes/table-routes.ts";
import { registerTabletMapRoutes } from "./routes/tablet-map-routes.ts";

export interface MasterParts {
  readonly self: AddressEntry;
  /** The urls of the masters, as the operator gave them; for a new cluster all of them. */
  readonly masterUrls: readonly string[];
  readonly bootstrap: boolean;
  readonly cluster: {
    clusterId(): string | null;
    setClusterId(id: string): Promise<void>;
  };
  readonly formingFile: FormingFile;
  readonly addresses: DurableAddressBook;
  readonly replica: CatalogReplica;
  readonly host: ReplicaHost;
  readonly rpc: RpcClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export class Master {
  readonly #parts: MasterParts;
  readonly #addresses: MasterAddresses;
  readonly #directory: MasterDirectory;
  readonly #forming: Forming | null;

  private constructor(parts: MasterParts, forming: Forming | null) {
    const { self, addresses, clock, masterUrls, replica, rpc } = parts;
    this.#parts = parts;
    this.#forming = forming;
    this.#addresses = new MasterAddresses({ self, urls: masterUrls, addresses, rpc, clock });
    this.#directory = new MasterDirectory(self.serverId, addresses.book, replica);
  }

  /** Throws `FormingRefusedError` when the data directory is not fit to go on with. */
  static async open(parts: MasterParts): Promise<Master> {
    return new Master(parts, await openForming(parts));
  }

  register(registrar: RouteRegistrar): void {
    const { clock, cluster, replica, self } = this.#parts;
    const access = { replica, masters: this.#directory };
    registerMasterRoutes(registrar, {
      self,
      clusterId: () => cluster.clusterId(),
      forming: this.#forming,
      addresses: this.#addresses,
      masters: this.#directory,
      term: () => replica.group?.status().term ?? 0,
    });
    registerHeartbeatRoutes(registrar, access);
    registerTabletMapRoutes(registrar, access);
    registerTableRoutes(registrar, access);
    registerClusterRoutes(registrar, access, clock);
  }

  /** Begins to take part, forming the cluster first if there is none. Rejects with `FormingRefusedError`. */
  async run(): Promise<void> {
    this.#parts.host.start();
    await Promise.all([this.#addresses.run(), this.#forming?.run()]);
  }

  /** Null: ready. */
  unreadyReason(): string | null {
    const { cluster, host, replica } = this.#parts;
    if (cluster.clusterId() === null) return "the masters have not formed their cluster yet";
    if ([...host.suspects()].length > 0) return DAMAGED_CATALOG;
    if (replica.applied === null) return "the catalog is not loaded yet";
    const leader = replica.group?.status().leader ?? null;
    return leader === null ? "no master leads the catalog" : null;
  }

  close(): void {
    this.#forming?.close();
    this.#addresses.close();
    this.#parts.replica.close();
  }
}

/** Null: this master belongs to its cluster. One that missed the commit learns of it by asking (forming.ts, F3). */
async function openForming(parts: MasterParts): Promise<Forming | null> {
  const { addresses, bootstrap, clock, cluster, formingFile, host, log, random, rpc, self } = parts;
  const found = await formingFile.read();
  const isFormed = cluster.clusterId() !== null;
  if (isFormed && parts.replica.group === null) throw new FormingRefusedError(LOST_CATALOG);
  if (isFormed) return null;
  if (found === null && !bootstrap) throw new FormingRefusedError(NOTHING_TO_GO_ON_WITH);
  const document = found ?? {
    masters: mastersOf(self.url, parts.masterUrls),
    proposal: null,
    committed: false,
  };
  if (found === null) await formingFile.write(document);
  return new Forming({
    self,
    file: formingFile,
    document,
    peers: new FormingPeers(rpc, clock),
    host,
    cluster: {
      clusterId: () => cluster.clusterId(),
      setClusterId: (id) => cluster.setClusterId(id),
      addressesLearnt: (entries) => addresses.merge(entries),
    },
    clock,
    random,
    log,
  });
}

/** Sorted, each once; without a list this master is alone. */
function mastersOf(own: string, urls: readonly string[]): string[] {
  const masters = [...new Set(urls.length === 0 ? [own] : urls)].sort();
  if (masters.includes(own)) return masters;
  throw new FormingRefusedError(
    `--masters ${urls.join(",")} does not name this master's own url, ${own}. ` +
      "Give every master the same list with all of them, and --advertise as the list spells it.",
  );
}

const NOTHING_TO_GO_ON_WITH =
  "this master's data directory is empty, so it belongs to no cluster. To form a new cluster, start every " +
  "master with --bootstrap and the same --masters. If it belonged to a cluster before, bring its data " +
  "directory back: a master that lost it cannot join again yet.";

const DAMAGED_CATALOG =
  "this master's copy of the catalog is damaged: it takes no part any more, and cannot join again yet. The " +
  "other masters go on without it as long as they are a majority.";

const LOST_CATALOG =
  "this master belongs to a cluster, but its copy of the catalog is gone or was damaged and set aside. " +
  "The other masters go on without it as long as they are a majority. Bring its data directory back: a " +
  "master that lost it cannot join again yet.";
