/**
 * What every process of a cluster builds on: who it is, and calls to the masters, wherever they are now.
 */
import type { ServerConfig } from "../config-knobs.ts";
import { RpcClient } from "../rpc/rpc-client.ts";
import type { AddressEntry } from "../wire/address-entry.ts";
import { joinCluster } from "./join-cluster.ts";
import type { MemberWorld } from "./server-world.ts";

export class ClusterMember {
  readonly rpc: RpcClient;
  readonly #world: MemberWorld;
  readonly #config: ServerConfig;

  constructor(world: MemberWorld, config: ServerConfig) {
    this.#world = world;
    this.#config = config;
    this.rpc = new RpcClient(world.clock, world.exchange);
  }

  /** Null: it has joined none yet. */
  clusterId(): string | null {
    return this.#world.directory.identity.clusterId;
  }

  /** Those that the address book knows. */
  masters(): readonly AddressEntry[] {
    return this.#world.addresses.book.entries().filter((entry) => entry.role === "master");
  }

  /** Where masters may be reached: as configured, then as known. Without doubles. */
  masterUrls(): readonly string[] {
    return [...new Set([...this.#config.masters, ...this.masters().map(({ url }) => url)])];
  }

  /** See `joinCluster`. */
  join(): Promise<void> {
    const { clock, directory, log } = this.#world;
    return joinCluster({ directory, clock, rpc: this.rpc, masters: () => this.masterUrls(), log });
  }
}
