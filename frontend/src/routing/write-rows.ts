/**
 * Writes of rows. Each has a retry number from its first attempt to its last, so that it takes effect
 * once however often and wherever it is sent.
 *
 * W1. A tablet gets one call at a time from one `writeMany`, in the order given, so that the writes of a
 *     row stay in order; different tablets are written at the same time.
 * W2. When a call to a tablet fails as a whole, the writes behind it are not sent: one of the same row
 *     must not overtake one whose effect is unknown.
 */
import { must } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { version } from "@stele/shared/ids.ts";
import type { RowWrite, WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import { MAX_CALL_PAYLOAD_BYTES } from "@stele/shared/rpc/batch-frames.ts";
import { encodeRowCall } from "@stele/shared/wire/row-calls.ts";
import type { NumberedWrite } from "@stele/shared/wire/row-calls.ts";
import { rowWriteEstimate } from "@stele/shared/wire/row-write-codec.ts";
import type { CallLimits, RowOperations, ServedBy } from "../operations.ts";
import { CallTrack } from "./call-track.ts";
import type { Attempts } from "./call-track.ts";
import { inParallel } from "./in-parallel.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import { callTabletOf, expectedError, wrongReply } from "./row-routing.ts";
import type { FinalOutcome, RowRouting } from "./row-routing.ts";

export async function writeRow(
  routing: RowRouting,
  table: string,
  write: RowWrite,
  limits: CallLimits,
): Promise<{ readonly result: WriteResult; readonly servedBy: ServedBy }> {
  const { numbers } = routing;
  const track = new CallTrack(limits, writeDeadline(routing, limits));
  const numbered: NumberedWrite = { seq: numbers.take(), write };
  let outcome: FinalOutcome;
  try {
    const encode = (tablet: MappedTablet) => encodeWrites(routing, tablet, [numbered]);
    outcome = await callTabletOf(routing, table, write.key, encode, track);
  } catch (error) {
    throw new DatabaseError(track.failedHere(expectedError(error)), error);
  } finally {
    numbers.settle(numbered.seq);
  }
  if (outcome.kind === "failed") throw new DatabaseError(track.failedThere(outcome.error));
  const { reply } = outcome;
  const own = reply.kind === "written" ? reply.outcomes[0] : undefined;
  if (reply.kind !== "written" || own === undefined) {
    throw new DatabaseError(track.failedThere(wrongReply("write", reply)));
  }
  if (own.kind === "failed") throw new DatabaseError(track.failedThere(own.error));
  return { result: own.result, servedBy: reply.servedBy };
}

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
  readonly #writes: readonly NumberedWrite[];
  readonly #attempts: Attempts[];
  readonly #outcomes: (WriteOutcome | undefined)[];
  #session = version(0);
  #somethingWasSent = false;

  constructor(routing: RowRouting, table: string, writes: readonly RowWrite[], limits: CallLimits) {
    this.#routing = routing;
    this.#table = table;
    this.#limits = limits;
    this.#deadlineMs = writeDeadline(routing, limits);
    this.#writes = writes.map((write) => ({ seq: routing.numbers.take(), write }));
    this.#attempts = writes.map(() => "none");
    this.#outcomes = Array.from({ length: writes.length });
  }

  result(): Awaited<ReturnType<RowOperations["writeMany"]>> {
    const outcomes = this.#outcomes.map((each) => must(each, "an outcome for every write"));
    return { outcomes, session: this.#session };
  }

  settle(): void {
    for (const { seq } of this.#writes) this.#routing.numbers.settle(seq);
  }

  /** Writes these, given by their places in rising order. Throws only when nothing was sent. */
  async route(places: readonly number[]): Promise<void> {
    const lanes = await this.#lanes(places);
    const { parallelTablets } = this.#routing.limits;
    await inParallel([...lanes], parallelTablets, ([tablet, own]) => this.#writeLane(tablet, own));
  }

  /** By tablet, in the order given (W1). */
  async #lanes(places: readonly number[]): Promise<ReadonlyMap<MappedTablet, number[]>> {
    const lanes = new Map<MappedTablet, number[]>();
    for (const place of places) {
      const { key } = this.#writeAt(place);
      try {
        const located = this.#routing.locator.locate(this.#table, key, this.#deadlineMs);
        const tablet = located instanceof Promise ? await located : located;
        const lane = lanes.get(tablet);
        if (lane === undefined) lanes.set(tablet, [place]);
        else lane.push(place);
      } catch (error) {
        const body = expectedError(error);
        if (body.code === "TABLE_NOT_FOUND" && !this.#somethingWasSent) {
          throw new DatabaseError({ ...body, applied: "no" }, error);
        }
        this.#fail([place], (track) => track.failedHere(body));
      }
    }
    return lanes;
  }

  /** One tablet's writes, call after call. */
  async #writeLane(tablet: MappedTablet, places: readonly number[]): Promise<void> {
    let done = 0;
    while (done < places.length) {
      const batch = this.#nextBatch(places, done);
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

  #nextBatch(places: readonly number[], from: number): readonly number[] {
    const { callWrites, callWriteBytes } = this.#routing.limits;
    const batch: number[] = [];
    let bytes = 0;
    for (let at = from; at < places.length && batch.length < callWrites; at++) {
      const place = places[at] as number;
      bytes += rowWriteEstimate(this.#writeAt(place));
      if (bytes > callWriteBytes && batch.length > 0) break;
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
    const numbered = batch.map((place) => this.#writes[place] as NumberedWrite);
    this.#somethingWasSent = true;
    try {
      const encode = () => encodeWrites(this.#routing, tablet, numbered);
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
        outcome.kind === "done"
          ? outcome
          : { kind: "failed", error: track.failedThere(outcome.error) };
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

  #writeAt(place: number): RowWrite {
    return must(this.#writes[place], "a write at its place").write;
  }
}

function writeDeadline({ clock, limits }: RowRouting, { deadlineMs }: CallLimits): number {
  return Math.min(deadlineMs, clock.monotonicMs() + limits.writeMs);
}

/** Throws 413 TOO_LARGE. */
function encodeWrites(
  { numbers }: RowRouting,
  { tabletId, generation }: MappedTablet,
  writes: readonly NumberedWrite[],
): Buffer {
  const { bootId, doneBelow } = numbers;
  const payload = encodeRowCall({ kind: "write", tabletId, generation, bootId, doneBelow, writes });
  if (payload.length <= MAX_CALL_PAYLOAD_BYTES) return payload;
  throw new DatabaseError({
    code: "TOO_LARGE",
    detail: `The write takes ${payload.length} bytes of ${MAX_CALL_PAYLOAD_BYTES} allowed.`,
    hint: "Write the columns in several requests.",
  });
}
