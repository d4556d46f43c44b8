/**
 * Where the servers of the cluster were last heard of. Every server announces its own address and passes
 * on what it knows of others, so that a cluster whose addresses all changed finds itself again.
 *
 * A1. One entry a server; of two, the one announced later counts, whoever passed it on.
 * A2. At most `limit` entries: the ones announced longest ago go first, masters last.
 */
import type { ServerId } from "../ids.ts";
import { ADDRESSES_MAX } from "../wire/address-entry.ts";
import type { AddressEntry } from "../wire/address-entry.ts";

/** A book that outlives its process. */
export interface DurableAddressBook {
  readonly book: AddressBook;
  /** Resolves when everything merged so far is durable. */
  merge(entries: readonly AddressEntry[]): Promise<void>;
}

export class AddressBook {
  readonly #limit: number;
  readonly #entries = new Map<ServerId, AddressEntry>();

  constructor(limit = ADDRESSES_MAX) {
    this.#limit = limit;
  }

  /** In order of server ids. */
  entries(): readonly AddressEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.serverId < b.serverId ? -1 : 1));
  }

  get(serverId: ServerId): AddressEntry | undefined {
    return this.#entries.get(serverId);
  }

  /** Whether anything changed. */
  merge(entries: readonly AddressEntry[]): boolean {
    let changed = false;
    for (const entry of entries) {
      const known = this.#entries.get(entry.serverId);
      if (known !== undefined && !isNewer(entry, known)) continue;
      this.#entries.set(entry.serverId, entry);
      if (this.#entries.size > this.#limit) changed = this.#evict() !== entry || changed;
      else changed = true;
    }
    return changed;
  }

  #evict(): AddressEntry | undefined {
    const oldest = [...this.#entries.values()].sort(byWorth)[0];
    if (oldest !== undefined) this.#entries.delete(oldest.serverId);
    return oldest;
  }
}

/** Equal times happen only to copies of one announcement, or to a clock that stood still. */
function isNewer(entry: AddressEntry, known: AddressEntry): boolean {
  if (entry.announcedAtMicros !== known.announcedAtMicros) {
    return entry.announcedAtMicros > known.announcedAtMicros;
  }
  return entry.url > known.url;
}

/** The first one is the first to go. */
function byWorth(a: AddressEntry, b: AddressEntry): number {
  const masters = Number(a.role === "master") - Number(b.role === "master");
  if (masters !== 0) return masters;
  if (a.announcedAtMicros !== b.announcedAtMicros) return a.announcedAtMicros - b.announcedAtMicros;
  return a.serverId < b.serverId ? -1 : 1;
}
