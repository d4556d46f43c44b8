/**
 * Writes of many rows, grouped by tablet.
 *
 * W1. The writes of a row stay in order: they go in one lane, which is those of one tablet, and a lane has
 *     one call under way at a time. The lanes of different tablets are written at the same time.
 * W2. When a call to a tablet fails as a whole, the writes behind it are not sent: one of the same row
 *     must not overtake one whose effect is unknown.
 * W3. The numbers of one call's writes are of one sequence. Writes that came from different tablets, after a
 *     merge, go in calls of their own.
 */
import { must } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { version } from "@stele/shared/ids.ts";
import type { RowWrite, WriteOutcome } from "@stele/shared/row-operations.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import { rowWriteEstimate } from "@stele/shared/wire/row-write-codec.ts";
import type { CallLimits, RowOperations } from "../operations.ts";
import { CallTrack } from "./call-track.ts";
import type { Attempts } from "./call-track.ts";
import { inParallel } from "./in-parallel.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import type { RetrySequence } from "./retry-numbers.ts";
import { encodeWrites, RoutedWrite, writeDeadline } from "./routed-write.ts";
import { expectedError, wrongReply } from "./row-routing.ts";
import type { FinalOutcome, RowRouting } from "./row-routing.ts";

export async function writeRows(
  routing: RowRouting,
  table: string,
  writes: readonly RowWrite[],
  limits: CallLimits,
): Promise<Awaited<ReturnType<RowOperations["writeMany"]>>> {
  const many = new ManyWrites(routing, table, writes, limits);
  try {
    await many.route(writes.map((_, at) => at));
    return many.result();
  } finally {
    many.settle();
  }
}

class ManyWrites {
  readonly #routing: RowRouting;
  readonly #table: string;
  readonly #limits: CallLimits;
  readonly #deadlineMs: number;
  readonly #writes: readonly RoutedWrite[];
  readonly #attempts: Attempts[];
  readonly #outcomes: (WriteOutcome | undefined)[];
  #session = version(0);
  #somethingWasSent = false;

  constructor(routing: RowRouting, table: string, writes: readonly RowWrite[], limits: CallLimits) {
    this.#routing = routing;
    this.#table = table;
    this.#limits = limits;
    this.#deadlineMs = writeDeadline(routing, limits);
    this.#writes = writes.map((write) => new RoutedWrite(write));
    this.#attempts = writes.map(() => "none");
    this.#outcomes = Array.from({ length: writes.length });
  }

  result(): Awaited<ReturnType<RowOperations["writeMany"]>> {
    const outcomes = this.#outcomes.map((each) => must(each, "an outcome for every write"));
    return { outcomes, session: this.#session };
  }

  settle(): void {
    for (const write of this.#writes) write.settle();
  }

  /** Writes these, given by their places in rising order. Throws only when nothing was sent. */
  async route(places: readonly number[]): Promise<void> {
    const lanes = await this.#lanes(places);
    const { parallelTablets } = this.#routing.limits;
    await inParallel([...lanes], parallelTablets, ([tablet, own]) => this.#writeLane(tablet, own));
  }

  /** By tablet, in the order given (W1). A row keeps its lane when the map changes in between. */
  async #lanes(places: readonly number[]): Promise<ReadonlyMap<MappedTablet, number[]>> {
    const lanes = new Map<MappedTablet, number[]>();
    const laneOfRow = new Map<string, number[] | DatabaseErrorBody>();
    for (const place of places) {
      const { key } = this.#writeAt(place).write;
      const row = rowKeyText(key);
      let lane = laneOfRow.get(row);
      if (lane === undefined) {
        const located = this.#locate(key);
        const found = located instanceof Promise ? await located : located;
        lane = "code" in found ? found : laneAt(lanes, found);
        laneOfRow.set(row, lane);
      }
      if ("code" in lane) {
        const error = lane;
        this.#fail([place], (track) => track.failedHere(error));
      } else lane.push(place);
    }
    return lanes;
  }

  #locate(key: Buffer): MappedTablet | Promise<MappedTablet | DatabaseErrorBody> {
    const located = this.#routing.locator.locate(this.#table, key, this.#deadlineMs);
    if (!(located instanceof Promise)) return located;
    return located.catch((error: unknown) => {
      const body = expectedError(error);
      if (body.code !== "TABLE_NOT_FOUND" || this.#somethingWasSent) return body;
      throw new DatabaseError({ ...body, applied: "no" }, error);
    });
  }

  /** One tablet's writes, call after call. */
  async #writeLane(tablet: MappedTablet, places: readonly number[]): Promise<void> {
    let done = 0;
    while (done < places.length) {
      const batch = this.#nextBatch(tablet, places, done);
      const result = await this.#send(tablet, batch);
      if (result === "failed") {
        this.#failBehind(places.slice(done + batch.length), must(batch.at(-1), "a write"));
        return;
      }
      if (result === "moved") {
        await this.route(places.slice(done));
        return;
      }
      done += batch.length;
    }
  }

  #nextBatch(tablet: MappedTablet, places: readonly number[], from: number): readonly number[] {
    const { limits, numbers } = this.#routing;
    const batch: number[] = [];
    let bytes = 0;
    let sequence: RetrySequence | null = null;
    for (let at = from; at < places.length && batch.length < limits.callWrites; at++) {
      const place = places[at] as number;
      const routed = this.#writeAt(place);
      bytes += rowWriteEstimate(routed.write);
      if (bytes > limits.callWriteBytes && batch.length > 0) break;
      const own = routed.numbered(numbers, tablet).sequence;
      sequence ??= own;
      if (own !== sequence) break;
      batch.push(place);
    }
    return batch;
  }

  async #send(
    tablet: MappedTablet,
    batch: readonly number[],
  ): Promise<"written" | "failed" | "moved"> {
    const { calls, locator } = this.#routing;
    const track = this.#trackOf(batch);
    const writes = batch.map((place) => this.#writeAt(place));
    this.#somethingWasSent = true;
    try {
      const encode = () => encodeWrites(this.#routing, tablet, writes, track);
      const outcome = await calls.run(tablet, encode, track);
      for (const place of batch) this.#attempts[place] = track.attempts;
      switch (outcome.kind) {
        case "dropped":
          locator.tableDropped(this.#table, tablet.tableId);
          return "moved";
        case "moved":
          return "moved";
        case "failed":
          this.#fail(batch, (own) => own.failedThere(outcome.error));
          return "failed";
        case "served":
          return this.#take(batch, outcome.reply);
      }
    } catch (error) {
      const body = expectedError(error);
      for (const place of batch) this.#attempts[place] = track.attempts;
      this.#fail(batch, (own) => own.failedHere(body));
      return "failed";
    }
  }

  #take(
    batch: readonly number[],
    reply: Extract<FinalOutcome, { kind: "served" }>["reply"],
  ): "written" | "failed" {
    if (reply.kind !== "written" || reply.outcomes.length !== batch.length) {
      this.#fail(batch, (track) => track.failedThere(wrongReply("write", reply)));
      return "failed";
    }
    const { outcomes, servedBy } = reply;
    this.#session = version(Math.max(this.#session, servedBy.session));
    const track = this.#trackOf(batch);
    batch.forEach((place, at) => {
      const outcome = must(outcomes[at], "an outcome");
      this.#outcomes[place] =
        outcome.kind === "done" ? outcome : { kind: "failed", error: track.refused(outcome.error) };
    });
    return "written";
  }

  #fail(places: readonly number[], errorOf: (track: CallTrack) => DatabaseErrorBody): void {
    for (const place of places) {
      this.#outcomes[place] = { kind: "failed", error: errorOf(this.#trackOf([place])) };
    }
  }

  /** W2: these fail for the reason for which an earlier one did. */
  #failBehind(places: readonly number[], earlier: number): void {
    const outcome = must(this.#outcomes[earlier], "an outcome");
    if (outcome.kind === "done") return;
    const { error } = outcome;
    this.#fail(places, (track) => track.failedHere(error));
  }

  /** With the worst that is known of any of them. */
  #trackOf(places: readonly number[]): CallTrack {
    let worst: Attempts = "none";
    for (const place of places) {
      const own = this.#attempts[place];
      if (own === "stray" || worst === "none") worst = own ?? worst;
    }
    return new CallTrack(this.#limits, this.#deadlineMs, worst);
  }

  #writeAt(place: number): RoutedWrite {
    return must(this.#writes[place], "a write at its place");
  }
}

function laneAt(lanes: Map<MappedTablet, number[]>, tablet: MappedTablet): number[] {
  let lane = lanes.get(tablet);
  if (lane === undefined) lanes.set(tablet, (lane = []));
  return lane;
}
