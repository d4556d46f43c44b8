/**
 * The part of the tablet map that this front-end has used lately: for each table name, its tablets in
 * key order. It only stores; `tablet-locator.ts` asks the masters, `tablet-calls.ts` hears the tablets.
 *
 * M1. The tablets of a table do not overlap; where nothing is known there is a gap.
 * M2. News never goes back: a fact about a tablet is taken only if its (generation, configIndex) is not
 *     older, and it displaces only overlapping tablets of lower generations.
 * M3. A name stands for the table with the highest id ever heard under it while it is cached.
 * M4. At most `mapTablets` tablets are kept, those used last; a table without tablets is forgotten.
 */
import type { ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { TabletDescriptor } from "@stele/shared/tablet-descriptor.ts";
import type { MappedTablet, TabletFacts } from "./mapped-tablet.ts";
import { RecencyList } from "./recency-list.ts";
import type { Recent } from "./recency-list.ts";

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

interface Entry extends Mutable<MappedTablet>, Recent<Entry> {
  readonly mapped: MappedTable;
}

interface MappedTable {
  readonly name: string;
  readonly tableId: TableId;
  /** In key order. */
  readonly tablets: Entry[];
}

export interface TabletMapOptions {
  readonly mapTablets: number;
  readonly mapEntryMs: number;
}

export class TabletMapCache {
  readonly #options: TabletMapOptions;
  readonly #byName = new Map<string, MappedTable>();
  readonly #byId = new Map<TableId, MappedTable>();
  readonly #byTablet = new Map<TabletId, Entry>();
  readonly #recency = new RecencyList<Entry>();

  constructor(options: TabletMapOptions) {
    this.#options = options;
  }

  /** Tablets known. */
  get size(): number {
    return this.#recency.size;
  }

  /** The tablet that holds the key, or its gap as null. An empty key asks for the first tablet. */
  find(table: string, key: Buffer): MappedTablet | null {
    const mapped = this.#byName.get(table);
    if (mapped === undefined) return null;
    const entry = mapped.tablets[lastBeginningAtOrBelow(mapped.tablets, key)];
    if (entry === undefined) return null;
    const { end } = entry.range;
    if (end !== null && compareRowKeys(key, end) >= 0) return null;
    this.#recency.used(entry);
    return entry;
  }

  tableIdOf(table: string): TableId | null {
    return this.#byName.get(table)?.tableId ?? null;
  }

  /** What a master said about a table, at `nowMs`. */
  learnTable(
    table: string,
    tableId: TableId,
    tablets: readonly TabletFacts[],
    nowMs: number,
  ): void {
    const known = this.#byName.get(table);
    if (known !== undefined && known.tableId > tableId) return;
    if (known !== undefined && known.tableId < tableId) this.#forget(known);
    for (const facts of tablets) {
      let mapped = this.#byName.get(table);
      if (mapped === undefined) {
        mapped = { name: table, tableId, tablets: [] };
        this.#byName.set(table, mapped);
        this.#byId.set(tableId, mapped);
      }
      this.#learn(mapped, facts, nowMs);
    }
  }

  /** What a tablet server said about a tablet. Of a table that is not known here: ignored. */
  learnDescriptor(descriptor: TabletDescriptor, nowMs: number): void {
    const mapped = this.#byId.get(descriptor.schema.tableId);
    if (mapped !== undefined) this.#learn(mapped, descriptor, nowMs);
  }

  /** Who leads: null after the one that was thought to lead did not. */
  learnLeader(tablet: MappedTablet, leader: ServerId | null): void {
    const entry = this.#byTablet.get(tablet.tabletId);
    if (entry !== undefined) entry.leader = leader;
  }

  /** The masters must be asked before the tablet is used again. */
  doubt(tablet: MappedTablet): void {
    const entry = this.#byTablet.get(tablet.tabletId);
    if (entry === tablet) entry.state = "doubtful";
  }

  /** The masters were asked in vain: what is known has to do for now. */
  trustAgain(tablet: MappedTablet): void {
    const entry = this.#byTablet.get(tablet.tabletId);
    if (entry === tablet) entry.state = "current";
  }

  /** A refresh is under way: nobody else needs to begin one before `untilMs`. */
  postponeRefresh(tablet: MappedTablet, untilMs: number): void {
    const entry = this.#byTablet.get(tablet.tabletId);
    if (entry === tablet) entry.freshUntilMs = untilMs;
  }

  /** The table was dropped; a newer one under its name stays. */
  forgetTable(table: string, upTo: TableId): void {
    const known = this.#byName.get(table);
    if (known !== undefined && known.tableId <= upTo) this.#forget(known);
  }

  /** Those known, in key order. */
  tabletsOf(table: string): readonly MappedTablet[] {
    return this.#byName.get(table)?.tablets ?? [];
  }

  #learn(mapped: MappedTable, facts: TabletFacts, nowMs: number): void {
    const freshUntilMs = nowMs + this.#options.mapEntryMs;
    const known = this.#byTablet.get(facts.tabletId);
    if (known !== undefined && known.generation > facts.generation) return;
    if (known?.generation === facts.generation) {
      refresh(known, facts, freshUntilMs);
      return;
    }
    const overlapping = overlapOf(mapped.tablets, facts.range);
    if (overlapping.some(({ generation }) => generation > facts.generation)) return;
    for (const displaced of overlapping) this.#dismiss(displaced);
    if (known?.state !== "replaced" && known !== undefined) this.#dismiss(known);
    const entry: Entry = {
      table: mapped.name,
      tableId: mapped.tableId,
      tabletId: facts.tabletId,
      range: facts.range,
      generation: facts.generation,
      configIndex: facts.configIndex,
      replicas: facts.replicas,
      leader: facts.leader ?? known?.leader ?? null,
      state: "current",
      freshUntilMs,
      mapped,
      newer: null,
      older: null,
    };
    mapped.tablets.splice(firstEndingAbove(mapped.tablets, facts.range.start), 0, entry);
    this.#byTablet.set(entry.tabletId, entry);
    this.#recency.add(entry);
    while (this.#recency.size > this.#options.mapTablets && this.#recency.oldest !== entry) {
      this.#evict(this.#recency.oldest as Entry);
    }
  }

  #evict(entry: Entry): void {
    this.#dismiss(entry);
    if (entry.mapped.tablets.length === 0) this.#forget(entry.mapped);
  }

  #dismiss(entry: Entry): void {
    const { tablets } = entry.mapped;
    tablets.splice(firstEndingAbove(tablets, entry.range.start), 1);
    this.#byTablet.delete(entry.tabletId);
    this.#recency.remove(entry);
    entry.state = "replaced";
  }

  #forget(mapped: MappedTable): void {
    for (const entry of mapped.tablets.toReversed()) this.#dismiss(entry);
    if (this.#byName.get(mapped.name) === mapped) this.#byName.delete(mapped.name);
    this.#byId.delete(mapped.tableId);
  }
}

/** News of the same generation. A master's word on the leader may be older than what tablets said. */
function refresh(known: Entry, facts: TabletFacts, freshUntilMs: number): void {
  if (facts.configIndex < known.configIndex) return;
  known.configIndex = facts.configIndex;
  known.replicas = facts.replicas;
  known.freshUntilMs = freshUntilMs;
  const leaderIsMember = facts.replicas.some(({ serverId }) => serverId === known.leader);
  if (facts.leader !== undefined && (known.state === "doubtful" || !leaderIsMember)) {
    known.leader = facts.leader;
  }
  known.state = "current";
}

/** The last tablet that begins at or below the key; -1: none does. */
function lastBeginningAtOrBelow(tablets: readonly Entry[], key: Buffer): number {
  let low = 0;
  let high = tablets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { start } = (tablets[middle] as Entry).range;
    if (start === null || compareRowKeys(start, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first tablet that ends above the bound: where one that starts there is, or belongs. */
function firstEndingAbove(tablets: readonly Entry[], bound: Buffer | null): number {
  if (bound === null) return 0;
  let low = 0;
  let high = tablets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { end } = (tablets[middle] as Entry).range;
    if (end !== null && compareRowKeys(end, bound) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function overlapOf(tablets: readonly Entry[], range: RowRange): Entry[] {
  const overlapping: Entry[] = [];
  for (let at = firstEndingAbove(tablets, range.start); at < tablets.length; at++) {
    const entry = tablets[at] as Entry;
    const { start } = entry.range;
    const beyond = start !== null && range.end !== null && compareRowKeys(start, range.end) >= 0;
    if (beyond) break;
    overlapping.push(entry);
  }
  return overlapping;
}
