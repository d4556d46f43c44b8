/**
 * Point reads: one row, or many grouped by tablet.
 *
 * M1. Once the rows of one operation have `readBytes`, nothing more is asked for it, and its results end
 *     before the first key that has none. The first key's tablet is asked in any case.
 */
import { assert } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { version } from "@stele/shared/ids.ts";
import type { Projection, ReadResult } from "@stele/shared/row-operations.ts";
import { encodeRowCall } from "@stele/shared/wire/row-calls.ts";
import type { CallLimits, RowOperations, ServedBy } from "../operations.ts";
import { CallTrack } from "./call-track.ts";
import { inParallel } from "./in-parallel.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import { callTabletOf, expectedError, wrongReply } from "./row-routing.ts";
import type { FinalOutcome, RowRouting } from "./row-routing.ts";

export async function readRow(
  routing: RowRouting,
  table: string,
  key: Buffer,
  projection: Projection,
  limits: CallLimits,
): Promise<{ readonly row: ReadResult; readonly servedBy: ServedBy }> {
  const encode = ({ tabletId, generation }: MappedTablet): Buffer =>
    encodeRowCall({ kind: "read", tabletId, generation, keys: [key], projection });
  const outcome = await callTabletOf(routing, table, key, encode, new CallTrack(limits));
  if (outcome.kind === "failed") throw new DatabaseError(outcome.error);
  const { reply } = outcome;
  const row = reply.kind === "read" ? reply.rows[0] : undefined;
  if (reply.kind !== "read" || row === undefined)
    throw new DatabaseError(wrongReply("read", reply));
  return { row, servedBy: reply.servedBy };
}

type ReadManyResult = Awaited<ReturnType<RowOperations["readMany"]>>;
type OneResult = ReadManyResult["results"][number];

export async function readRows(
  routing: RowRouting,
  table: string,
  keys: readonly Buffer[],
  projection: Projection,
  limits: CallLimits,
): Promise<ReadManyResult> {
  const reads = new ManyReads(routing, table, keys, projection, limits);
  await reads.run(keys.map((_, at) => at));
  return reads.result();
}

/** Keys of one tablet, by their places in the request. */
interface Group {
  readonly tablet: MappedTablet;
  readonly places: readonly number[];
}

class ManyReads {
  readonly #routing: RowRouting;
  readonly #table: string;
  readonly #keys: readonly Buffer[];
  readonly #projection: Projection;
  readonly #limits: CallLimits;
  readonly #results: (OneResult | undefined)[];
  #bytes = 0;
  #staleness = 0;
  #session = version(0);

  constructor(
    routing: RowRouting,
    table: string,
    keys: readonly Buffer[],
    projection: Projection,
    limits: CallLimits,
  ) {
    this.#routing = routing;
    this.#table = table;
    this.#keys = keys;
    this.#projection = projection;
    this.#limits = limits;
    this.#results = Array.from({ length: keys.length });
  }

  result(): ReadManyResult {
    const results: OneResult[] = [];
    for (const result of this.#results) {
      if (result === undefined) break;
      results.push(result);
    }
    assert(results.length > 0 || this.#keys.length === 0, "M1: the first key has a result");
    return { results, staleness: this.#staleness, session: this.#session };
  }

  /** Throws only when there is no such table. */
  async run(places: readonly number[]): Promise<void> {
    const groups = await this.#group(places);
    const { parallelTablets } = this.#routing.limits;
    await inParallel(groups, parallelTablets, (group) => this.#read(group));
  }

  async #group(places: readonly number[]): Promise<readonly Group[]> {
    const { locator, limits } = this.#routing;
    const open = new Map<MappedTablet, number[]>();
    const groups: Group[] = [];
    for (const place of places) {
      const key = this.#keys[place] as Buffer;
      let tablet: MappedTablet;
      try {
        const located = locator.locate(this.#table, key, this.#limits.deadlineMs);
        tablet = located instanceof Promise ? await located : located;
      } catch (error) {
        const body = expectedError(error);
        if (body.code === "TABLE_NOT_FOUND") throw error;
        this.#results[place] = { kind: "failed", error: body };
        continue;
      }
      let group = open.get(tablet);
      if (group === undefined || group.length >= limits.callKeys) {
        group = [];
        open.set(tablet, group);
        groups.push({ tablet, places: group });
      }
      group.push(place);
    }
    return groups;
  }

  /** One call after the other, as each answers the first of its keys or all. */
  async #read({ tablet, places }: Group): Promise<void> {
    let left = places;
    while (left.length > 0 && (left[0] === 0 || this.#bytes < this.#routing.limits.readBytes)) {
      left = await this.#readFirst({ tablet, places: left });
    }
  }

  /** Gives the places that are left. */
  async #readFirst({ tablet, places }: Group): Promise<readonly number[]> {
    const { calls, locator } = this.#routing;
    const { tabletId, generation } = tablet;
    const keys = places.map((place) => this.#keys[place] as Buffer);
    const projection = this.#projection;
    const encode = () => encodeRowCall({ kind: "read", tabletId, generation, keys, projection });
    try {
      const outcome = await calls.run(tablet, encode, new CallTrack(this.#limits));
      if (outcome.kind === "served") return this.#take(places, outcome);
      if (outcome.kind === "failed") {
        this.#fail(places, outcome.error);
        return [];
      }
      if (outcome.kind === "dropped") locator.tableDropped(this.#table, tablet.tableId);
      await this.run(places);
    } catch (error) {
      const body = expectedError(error);
      if (body.code === "TABLE_NOT_FOUND") throw error;
      this.#fail(places, body);
    }
    return [];
  }

  /** Gives the places that are left. */
  #take(
    places: readonly number[],
    { bytes, reply }: Extract<FinalOutcome, { kind: "served" }>,
  ): readonly number[] {
    const rows = reply.kind === "read" ? reply.rows : [];
    if (rows.length === 0 || rows.length > places.length) {
      this.#fail(places, wrongReply("read", reply));
      return [];
    }
    rows.forEach((row, at) => {
      this.#results[places[at] as number] = { kind: "read", row };
    });
    this.#bytes += bytes;
    this.#staleness = Math.max(this.#staleness, reply.servedBy.staleness);
    this.#session = version(Math.max(this.#session, reply.servedBy.session));
    return places.slice(rows.length);
  }

  #fail(places: readonly number[], error: DatabaseErrorBody): void {
    for (const place of places) this.#results[place] = { kind: "failed", error };
  }
}
