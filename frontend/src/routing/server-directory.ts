/**
 * Where the tablet servers listen, as look-ups told. An address is no identity: a server that moved is
 * found by its id under its new url.
 */
import type { ServerId } from "@stele/shared/ids.ts";

export interface KnownServer {
  readonly serverId: ServerId;
  /** The operator's name. */
  readonly name: string;
  readonly url: string;
}

/** More servers than a cluster has; beyond it the one learnt first is forgotten. */
const SERVERS_MAX = 10_000;

export class ServerDirectory {
  readonly #servers = new Map<ServerId, KnownServer>();

  learn(server: KnownServer): void {
    const known = this.#servers.get(server.serverId);
    if (known?.url === server.url && known.name === server.name) return;
    this.#servers.set(server.serverId, server);
    if (this.#servers.size <= SERVERS_MAX) return;
    for (const oldest of this.#servers.keys()) {
      this.#servers.delete(oldest);
      break;
    }
  }

  get(server: ServerId): KnownServer | undefined {
    return this.#servers.get(server);
  }

  /** The operator's name, or the id of a server that no look-up has named. */
  nameOf(server: ServerId): string {
    return this.#servers.get(server)?.name ?? server;
  }
}
