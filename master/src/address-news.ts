/**
 * Which addresses of tablet servers a heartbeat's reply carries: all of them at the start of a conversation and
 * now and then, else those that changed lately. A reply may be lost, so a change is told several times.
 */
import type { ServerId } from "@stele/shared/ids.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import type { CatalogReader } from "./catalog/catalog.ts";

const LATELY_MS = 10_000;
const ALL_AGAIN_MS = 60_000;

export class AddressNews {
  readonly #catalog: CatalogReader;
  readonly #changed = new Map<ServerId, number>();
  readonly #told = new Map<ServerId, { readonly bootId: string; readonly allMs: number }>();

  constructor(catalog: CatalogReader) {
    this.#catalog = catalog;
  }

  changed(server: ServerId, nowMs: number): void {
    this.#changed.set(server, nowMs);
  }

  /** For the next reply to this server. */
  take(to: ServerId, bootId: string, nowMs: number): AddressEntry[] {
    const told = this.#told.get(to);
    if (told?.bootId !== bootId || nowMs - told.allMs > ALL_AGAIN_MS) {
      this.#told.set(to, { bootId, allMs: nowMs });
      return [...this.#catalog.servers()].flatMap(({ serverId }) => this.#entry(serverId));
    }
    for (const [server, atMs] of this.#changed) {
      if (nowMs - atMs > LATELY_MS) this.#changed.delete(server);
    }
    return [...this.#changed.keys()].flatMap((server) => this.#entry(server));
  }

  #entry(id: ServerId): AddressEntry[] {
    const server = this.#catalog.server(id);
    if (server === undefined || server.state === "replaced") return [];
    const { serverId, name, url, announcedAtMicros } = server;
    return [{ serverId, name, role: "tablet-server", url, announcedAtMicros }];
  }
}
