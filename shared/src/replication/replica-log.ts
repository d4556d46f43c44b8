/**
 * The host's view of one replica's log: for every entry in (truncated, last] its term and kind, where its
 * payload lies in the commit log, and the payload itself while the cache keeps it.
 *
 * E1. Entries are contiguous; an entry without a location is being persisted and keeps its payload.
 * E2. Lives in step with the Raft core's log: same bounds, same terms.
 */
import { assert, must } from "../assert.ts";
import type { EntryLocation } from "../commit-log/commit-log.ts";
import type { LogIndex, Term } from "../ids.ts";
import type { Entry, EntryKind } from "../raft/messages.ts";
import type { PayloadCache, PayloadHolder } from "./payload-cache.ts";

interface LoggedEntry {
  readonly term: Term;
  readonly kind: EntryKind;
  readonly bytes: number;
  location: EntryLocation | null;
  payload: Buffer | null;
}

export class ReplicaLog implements PayloadHolder {
  readonly #cache: PayloadCache;
  /** Index of `#entries[#skip]`. */
  #first: number;
  #entries: LoggedEntry[] = [];
  #skip = 0;
  #bytes = 0;

  /** An empty log that continues behind `truncated`. */
  constructor(truncated: LogIndex, cache: PayloadCache) {
    this.#first = truncated + 1;
    this.#cache = cache;
  }

  get firstIndex(): LogIndex {
    return this.#first as LogIndex;
  }

  get lastIndex(): LogIndex {
    return (this.#first + this.#entries.length - this.#skip - 1) as LogIndex;
  }

  /** Payload bytes of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Replaces every entry at or above the first's index. The payloads stay until they are located. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(
      first.index >= this.#first && first.index <= this.lastIndex + 1,
      () => `entry ${first.index} does not continue [${this.#first}, ${this.lastIndex}]`,
    );
    this.truncateFrom(first.index);
    for (const entry of entries) {
      this.#push(entry.term, entry.kind, entry.payload.length, null, entry.payload);
    }
  }

  /**
   * One record that recovery found, in log order: like `append`, of entries that are durable already. What
   * lies at or below the truncated index is known to the state. Entries above a gap are of a time before a
   * snapshot was installed here, whose record follows: they mean nothing.
   */
  recovered(entries: readonly Entry[], locations: readonly EntryLocation[]): void {
    const begin = entries[0]?.index;
    if (begin === undefined || begin > this.lastIndex + 1) return;
    this.truncateFrom(begin);
    entries.forEach((entry, at) => {
      if (entry.index < this.#first) return;
      const location = must(locations[at], "a location for every recovered entry");
      this.#push(entry.term, entry.kind, location.length, location, null);
    });
  }

  /** The entries are durable at these places: from now on the cache decides about their payloads. */
  located(entries: readonly Entry[], locations: readonly EntryLocation[]): void {
    entries.forEach((entry, at) => {
      const logged = this.#at(entry.index);
      // A snapshot may have taken the entry's place meanwhile.
      if (logged === undefined || logged.term !== entry.term || logged.location !== null) return;
      logged.location = must(locations[at], "a location for every entry");
      if (logged.payload !== null) {
        this.#cache.admitted(this, entry.index, entry.term, logged.bytes);
      }
    });
  }

  termOf(index: number): Term | undefined {
    return this.#at(index)?.term;
  }

  kindOf(index: number): EntryKind | undefined {
    return this.#at(index)?.kind;
  }

  bytesOf(index: number): number {
    return this.#at(index)?.bytes ?? 0;
  }

  payloadOf(index: number): Buffer | null {
    return this.#at(index)?.payload ?? null;
  }

  locationOf(index: number): EntryLocation | null {
    return this.#at(index)?.location ?? null;
  }

  holdsPayload(index: number, term: number): boolean {
    const logged = this.#at(index);
    return logged?.term === term && logged.payload !== null && logged.location !== null;
  }

  dropPayload(index: number, term: number): number {
    const logged = this.#at(index);
    if (logged === undefined || logged.term !== term || logged.payload === null) return 0;
    logged.payload = null;
    return logged.bytes;
  }

  /** Forgets every entry at or below `index`. */
  compact(index: LogIndex): void {
    assert(index <= this.lastIndex, () => `compaction to ${index} above ${this.lastIndex}`);
    for (let at = this.#first; at <= index; at++) this.#forget(must(this.#at(at), "entry"));
    const dropped = Math.max(0, index - this.#first + 1);
    this.#skip += dropped;
    this.#first += dropped;
    if (this.#skip > 64 && this.#skip * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#skip);
      this.#skip = 0;
    }
  }

  /** A snapshot at `index` replaced the log. */
  reset(index: LogIndex): void {
    this.truncateFrom(this.#first);
    this.#entries = [];
    this.#skip = 0;
    this.#first = index + 1;
  }

  /** Drops every entry at or above `index`. */
  truncateFrom(index: number): void {
    const from = Math.max(index, this.#first);
    if (from > this.lastIndex) return;
    for (let at = from; at <= this.lastIndex; at++) this.#forget(must(this.#at(at), "entry"));
    this.#entries.length = from - this.#first + this.#skip;
  }

  #push(
    term: Term,
    kind: EntryKind,
    bytes: number,
    location: EntryLocation | null,
    payload: Buffer | null,
  ): void {
    this.#entries.push({ term, kind, bytes, location, payload });
    this.#bytes += bytes;
  }

  #forget(logged: LoggedEntry): void {
    this.#bytes -= logged.bytes;
    if (logged.payload !== null && logged.location !== null) this.#cache.released(logged.bytes);
    logged.payload = null;
  }

  #at(index: number): LoggedEntry | undefined {
    return index < this.#first ? undefined : this.#entries[index - this.#first + this.#skip];
  }
}
