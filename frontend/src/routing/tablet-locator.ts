/**
 * Finds the tablet of a key: in the tablet map, else with the masters.
 *
 * L1. One look-up a table is under way at a time; whoever misses meanwhile waits for it, since it brings
 *     the neighbours along.
 * L2. An entry that is merely old is used while it is refreshed in the background; one in doubt waits for
 *     the masters, and is used all the same when none answers: loss of the masters stops nobody.
 * L3. TABLE_NOT_FOUND is said on the word of the catalog's leader alone. A table whose tablet said that it
 *     was dropped stays dropped, whatever a master that lags behind says.
 */
import type { Clock } from "@stele/shared/clock.ts";
import { delay } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { logIndex, replicaId, serverId, tableId, tabletId } from "@stele/shared/ids.ts";
import type { TableId } from "@stele/shared/ids.ts";
import { lookUpRoute } from "@stele/shared/wire/master-calls.ts";
import type { LookUpReply, MapEntry } from "@stele/shared/wire/tablet-map.ts";
import type { MappedTablet, TabletFacts } from "./mapped-tablet.ts";
import type { MasterCall, MasterClient } from "./master-client.ts";
import type { ServerDirectory } from "./server-directory.ts";
import type { TabletMapCache } from "./tablet-map-cache.ts";
import { beforeDeadline } from "./before-deadline.ts";

export interface TabletLocatorParts {
  readonly clock: Clock;
  readonly cache: TabletMapCache;
  readonly servers: ServerDirectory;
  readonly masters: Pick<MasterClient, "call" | "silence">;
  readonly mapNeighbours: number;
  readonly mapRefreshes: number;
  readonly masterAttemptMs: number;
  /** How long one look-up may take in all. */
  readonly lookUpMs: number;
}

type Flight = Promise<DatabaseError | null>;

const DROPPED_TABLES_MAX = 10_000;
const GAP_PAUSE_MS = 50;
const REFRESH_AGAIN_MS = 5_000;
const FIRST_KEY = Buffer.alloc(0);

export class TabletLocator {
  readonly #parts: TabletLocatorParts;
  readonly #flights = new Map<string, Flight>();
  /** By name, the highest id of a table known to be dropped. */
  readonly #dropped = new Map<string, TableId>();
  #refreshes = 0;

  constructor(parts: TabletLocatorParts) {
    this.#parts = parts;
  }

  /** At once when it is known. An empty key: the first tablet. Throws `DatabaseError`. */
  locate(table: string, key: Buffer, deadlineMs: number): MappedTablet | Promise<MappedTablet> {
    const known = this.#parts.cache.find(table, key);
    if (known === null || known.state !== "current") return this.#ask(table, key, deadlineMs);
    const nowMs = this.#parts.clock.monotonicMs();
    if (known.freshUntilMs <= nowMs) this.#refreshLater(known, nowMs);
    return known;
  }

  /** Learns what the masters know of the tablet now; they may not answer. Never rejects. */
  async refresh(tablet: MappedTablet): Promise<void> {
    await this.#fly(tablet.table, tablet.range.start ?? FIRST_KEY);
  }

  /** A tablet of the table said that the table was dropped. */
  tableDropped(table: string, id: TableId): void {
    this.#parts.cache.forgetTable(table, id);
    if ((this.#dropped.get(table) ?? 0) >= id) return;
    this.#dropped.delete(table);
    this.#dropped.set(table, id);
    for (const oldest of this.#dropped.keys()) {
      if (this.#dropped.size <= DROPPED_TABLES_MAX) break;
      this.#dropped.delete(oldest);
    }
  }

  async #ask(table: string, key: Buffer, deadlineMs: number): Promise<MappedTablet> {
    const { cache, clock } = this.#parts;
    for (;;) {
      const before = cache.find(table, key);
      if (before?.state === "current") return before;
      const shared = this.#flights.get(table);
      const flight = shared ?? this.#fly(table, key);
      const error = await this.#inTime(flight, deadlineMs);
      const after = cache.find(table, key);
      if (after?.state === "current") return after;
      if (shared !== undefined && error === null) continue;
      if (after !== null) {
        // The masters know nothing newer, or do not answer: what a server said may have passed by now.
        cache.trustAgain(after);
        return after;
      }
      if (error !== null) throw error;
      await this.#inTime(delay(clock, GAP_PAUSE_MS), deadlineMs);
    }
  }

  /** At the deadline UNAVAILABLE, when it is the masters that do not answer. */
  async #inTime<T>(promise: Promise<T>, deadlineMs: number): Promise<T> {
    const { clock, masters } = this.#parts;
    try {
      return await beforeDeadline(clock, promise, deadlineMs, "the tablet map");
    } catch (error) {
      const isLate = error instanceof DatabaseError && error.code === "DEADLINE";
      if (!isLate || masters.silence === null) throw error;
      throw new DatabaseError({ code: "UNAVAILABLE", detail: masters.silence }, error);
    }
  }

  #refreshLater(tablet: MappedTablet, nowMs: number): void {
    const { cache, mapRefreshes } = this.#parts;
    if (this.#refreshes >= mapRefreshes) return;
    this.#refreshes++;
    cache.postponeRefresh(tablet, nowMs + REFRESH_AGAIN_MS);
    void this.#fly(tablet.table, tablet.range.start ?? FIRST_KEY).then(() => {
      this.#refreshes--;
    });
  }

  /** Null: something was learnt. Never rejects for expected reasons. */
  #fly(table: string, key: Buffer): Flight {
    const flight = this.#outcomeOf(table, key).finally(() => {
      if (this.#flights.get(table) === flight) this.#flights.delete(table);
    });
    if (!this.#flights.has(table)) this.#flights.set(table, flight);
    return flight;
  }

  async #outcomeOf(table: string, key: Buffer): Flight {
    try {
      await this.#lookUp(table, key);
      return null;
    } catch (error) {
      if (error instanceof DatabaseError) return error;
      throw error;
    }
  }

  async #lookUp(table: string, key: Buffer): Promise<void> {
    const { clock, masters, mapNeighbours, lookUpMs, masterAttemptMs } = this.#parts;
    const request = {
      table,
      key: key.length === 0 ? null : key,
      neighbours: mapNeighbours,
      leaderOnly: this.#dropped.has(table),
    };
    const deadlineMs = clock.monotonicMs() + lookUpMs;
    const call: MasterCall = { deadlineMs, attemptMs: masterAttemptMs, effect: "read" };
    let reply = await masters.call(lookUpRoute, request, call);
    if (reply.kind === "no-table" && !reply.authoritative) {
      reply = await masters.call(lookUpRoute, { ...request, leaderOnly: true }, call);
    }
    this.#learn(table, reply);
  }

  /** Throws TABLE_NOT_FOUND. */
  #learn(table: string, reply: Exclude<LookUpReply, { kind: "not-leader" }>): void {
    const { cache, clock, servers } = this.#parts;
    if (reply.kind === "no-table") {
      cache.forgetTable(table, tableId(Number.MAX_SAFE_INTEGER));
      throw tableNotFound(table, "");
    }
    const id = tableId(reply.schema.tableId);
    const dropped = this.#dropped.get(table) ?? 0;
    if (id <= dropped) throw tableNotFound(table, ": it is being dropped");
    for (const { replicas } of reply.entries) {
      for (const replica of replicas) {
        const { name, url } = replica;
        if (url !== "") servers.learn({ serverId: serverId(replica.serverId), name, url });
      }
    }
    cache.learnTable(table, id, reply.entries.map(factsOf), clock.monotonicMs());
    if (dropped > 0) this.#dropped.delete(table);
  }
}

function factsOf(entry: MapEntry): TabletFacts {
  const replicas = entry.replicas.map((replica) => ({
    replicaId: replicaId(replica.replicaId),
    serverId: serverId(replica.serverId),
    role: replica.role,
  }));
  return {
    tabletId: tabletId(entry.tabletId),
    range: entry.range,
    generation: entry.generation,
    configIndex: logIndex(entry.configIndex),
    replicas,
    leader: replicas.find((each) => each.replicaId === entry.leader)?.serverId ?? null,
  };
}

function tableNotFound(table: string, why: string): DatabaseError {
  return new DatabaseError({
    code: "TABLE_NOT_FOUND",
    detail: `There is no table ${JSON.stringify(table)}${why}.`,
  });
}
