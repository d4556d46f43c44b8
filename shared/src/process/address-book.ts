/**
 * Where the servers of the cluster were last heard of. Every server announces its own address and passes
 * on what it knows of others, so that a cluster whose addresses all changed finds itself again.
 *
 * A1. One entry a server; of two, the one announced later counts, whoever passed it on.
 * A2. At most `limit` entries: the ones announced longest ago go first, masters last.
 */
import { z } from "zod";
import type { ServerId } from "../ids.ts";
import { serverIdField } from "./identity.ts";
import { SERVER_ROLES } from "./server-role.ts";
import type { ServerRole } from "./server-role.ts";

export interface AddressEntry {
  readonly serverId: ServerId;
  readonly name: string;
  readonly role: ServerRole;
  /** Scheme, host and port, without a path: `http://10.0.0.7:7090`. */
  readonly url: string;
  /** By the server's own wall clock when it took the address. */
  readonly announcedAtMicros: number;
}

const addressEntry: z.ZodType<AddressEntry> = z.object({
  serverId: serverIdField,
  name: z.string().min(1).max(63),
  role: z.enum(SERVER_ROLES),
  url: z.url({ protocol: /^https?$/ }).max(300),
  announcedAtMicros: z.int().min(0),
});

/** Most entries that one document may hold, and that a book keeps. */
const ADDRESSES_MAX = 1000;

/** On disk and on the wire. */
export const addressEntries: z.ZodType<readonly AddressEntry[]> = z
  .array(addressEntry)
  .max(ADDRESSES_MAX);

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
