/** Point reads: one row, or many grouped by tablet. */
import { must } from "@stele/shared/assert.ts";
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
import type { RowRouting } from "./row-routing.ts";

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
    const results = this.#results.map((each) => must(each, "a result for every key"));
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

  async #read({ tablet, places }: Group): Promise<void> {
    const { calls, locator } = this.#routing;
    const { tabletId, generation } = tablet;
    const keys = places.map((place) => this.#keys[place] as Buffer);
    const projection = this.#projection;
    const encode = () => encodeRowCall({ kind: "read", tabletId, generation, keys, projection });
    try {
      const outcome = await calls.run(tablet, encode, new CallTrack(this.#limits));
      if (outcome.kind === "moved" || outcome.kind === "dropped") {
        if (outcome.kind === "dropped") locator.tableDropped(this.#table, tablet.tableId);
        await this.run(places);
      } else if (outcome.kind === "failed") {
        this.#fail(places, outcome.error);
      } else if (outcome.reply.kind !== "read" || outcome.reply.rows.length !== keys.length) {
        this.#fail(places, wrongReply("read", outcome.reply));
      } else {
        const { rows, servedBy } = outcome.reply;
        places.forEach((place, at) => {
          this.#results[place] = { kind: "read", row: rows[at] ?? null };
        });
        this.#staleness = Math.max(this.#staleness, servedBy.staleness);
        this.#session = version(Math.max(this.#session, servedBy.session));
      }
    } catch (error) {
      const body = expectedError(error);
      if (body.code === "TABLE_NOT_FOUND") throw error;
      this.#fail(places, body);
    }
  }

  #fail(places: readonly number[], error: DatabaseErrorBody): void {
    for (const place of places) this.#results[place] = { kind: "failed", error };
  }
}
