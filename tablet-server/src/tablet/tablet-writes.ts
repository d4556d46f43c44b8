/**
 * The write path of a tablet's leader: from calls to outcomes.
 *
 *   submit -> lane of the row -> (load) -> decide -> entry in the making -> propose, once a cycle -> applied -> answer
 *
 * W1. Writes of one row are evaluated in the order they came, each on the result of the one before (row-lane.ts).
 * W2. A write that changes something is answered when its entry is applied here. One that changes nothing is a read:
 *     it is answered once the entry it was read from is applied and the leadership at some moment after the reading is
 *     certain. The entry alone proves nothing of that: it may have been proposed, and acknowledged, long before.
 * W3. A write that is sent again under its retry number takes effect once: it joins the one under way, or gets the
 *     stored outcome. One that changed nothing leaves none and is evaluated again, unless a later write of its row in
 *     its call was taken meanwhile (decide-write.ts, O1). But where an attempt may arrive after the answer, the
 *     outcome is in the log before the answer leaves.
 * W4. Everything here belongs to one term; when the leadership ends, all that wait are told to ask the next leader.
 * W5. What waits is bounded in writes and in bytes; beyond it calls fail at once with THROTTLED.
 * W6. A turn of the event loop evaluates a bounded amount of work; the rest goes on in the next turn.
 */
import { assert, must } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { LogIndex, Term, Version } from "@stele/shared/ids.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import type { WriteCall } from "@stele/shared/wire/row-calls.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { decideWrite, type WriteDecision } from "./decide-write.ts";
import type { EntryBatch } from "./entry-batch.ts";
import type { EntryFate } from "./entry-payload.ts";
import { EntryQueue } from "./entry-queue.ts";
import type { IdempotencyRecord } from "./idempotency.ts";
import { LeaderAge, type LogAge } from "./log-age.ts";
import { ReadConfirmation } from "./read-confirmation.ts";
import type { RetryLookup, RetryTable } from "./retry-table.ts";
import { RowLanes, type RowLane, type UnchangedOutcome } from "./row-lane.ts";
import type { TabletState } from "./tablet-state.ts";
import type { TabletLimits } from "./tablet-limits.ts";
import { TurnBudget } from "./turn-budget.ts";
import type { PendingWrite, Redirect, WriteCallProgress } from "./write-call.ts";
import { WritesUnderWay } from "./writes-under-way.ts";

const THROTTLED_RETRY_MS = 100;
/** A full retry table is asked to forget so often. */
const FORGET_RETRIES_MS = 1000;
const NONE: ReadonlySet<number> = new Set();
/** Evaluating so many bytes of row and write costs about as much as evaluating at all. */
const COST_BYTES = 8 * 1024;

export interface LoadedRow {
  readonly row: StoredRow | null;
  /** Of the row's record. */
  readonly recordBytes: number;
  /** Of the idempotency key asked for; null: none stored, or none asked for. */
  readonly idempotency: IdempotencyRecord | null;
}

export interface TabletWritesParts {
  readonly group: Group;
  readonly term: Term;
  readonly clock: Clock;
  readonly limits: TabletLimits;
  readonly idempotencyTtlMs: number;
  readonly state: () => TabletState;
  readonly retries: RetryTable;
  /** Loads a row as applied, and one idempotency record beside it; loads of one turn share a read. */
  readonly load: (
    key: Buffer,
    idempotencyKey: string | null,
    loaded: (result: LoadedRow) => void,
  ) => void;
  /** How a call is answered that this replica cannot serve any more. */
  readonly refusal: () => Redirect;
  readonly notLeader: () => Redirect;
}

export class TabletWrites {
  readonly #parts: TabletWritesParts;
  readonly #underWay = new WritesUnderWay();
  readonly #lanes = new RowLanes();
  readonly #entries: EntryQueue;
  readonly #reads: ReadConfirmation;
  readonly #budget: TurnBudget;
  readonly #age: LeaderAge;
  /** Lanes with something to evaluate, in the order in which they get to it. */
  #ready: RowLane[] = [];
  /** The highest version given out. */
  #highest: Version;
  #generation: number;
  #forgetAtMs = Number.NEGATIVE_INFINITY;
  #ended = false;

  constructor(parts: TabletWritesParts) {
    this.#parts = parts;
    const { clock, group, term } = parts;
    this.#age = new LeaderAge(clock, parts.state().age);
    this.#highest = parts.state().maxVersion;
    this.#generation = parts.state().generation;
    this.#reads = new ReadConfirmation(group);
    this.#budget = new TurnBudget(clock, () => this.#evaluateReady());
    this.#entries = new EntryQueue({
      group,
      term,
      clock,
      age: this.#age,
      applied: (batch) => this.#entryApplied(batch),
      lost: (batch) => this.#entryLost(batch),
    });
  }

  /** The log age of now. */
  get age(): LogAge {
    return this.#age.now();
  }

  /** Writes taken and not answered, repeats included. */
  get waiting(): { readonly writes: number; readonly bytes: number; readonly rows: number } {
    const { bytes, writes } = this.#underWay;
    return { writes, bytes, rows: this.#lanes.size };
  }

  /**
   * REQUIRES: the tablet serves the call (`Tablet.refuses`).
   *
   * @param bytes of the call, as it counts against the limit while it waits
   */
  submit(call: WriteCall, progress: WriteCallProgress, bytes: number): void {
    assert(!this.#ended, "W4: submitted after the term");
    const { hasStrays, sequenceId } = call;
    for (const each of progress.sequences) this.#underWay.heard(each);
    const overload = this.#overload(call);
    if (overload !== null) {
      progress.redirect({ kind: "failed", error: overload });
      return;
    }
    const share = Math.ceil(bytes / call.writes.length);
    const overtaken = this.#overtaken(call);
    call.writes.forEach((numbered, at) => {
      const isOvertaken = overtaken.has(at);
      const more = { bytes: share, hasStrays, isOvertaken };
      const pending = this.#underWay.take(sequenceId, numbered, { progress, at }, more);
      if (pending === null) return;
      const lane = this.#lanes.lane(numbered.write.key);
      lane.add(pending);
      this.#wake(lane);
    });
    this.#evaluateReady();
  }

  /** The entry at (index, term), proposed here or not, was applied, or found void. */
  applied(index: LogIndex, term: Term, fate: EntryFate): void {
    this.#entries.applied(index, term, fate);
  }

  /** What the tablet holds changed: what was evaluated before and is not applied will be void. */
  rangeChanged(): void {
    this.#generation = this.#parts.state().generation;
    this.#forgetAll();
  }

  /** W4. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#entries.end();
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.#lanes.clear();
    this.#ready = [];
    this.#entries.discardForming();
    this.#underWay.redirectAll(this.#parts.refusal());
  }

  /** W5. A call that was taken before is not refused: that would say what became of its writes. */
  #overload(call: WriteCall): DatabaseErrorBody | null {
    const { limits, retries } = this.#parts;
    const { bytes, writes } = this.#underWay;
    const isFull = writes >= limits.waitingWrites || bytes >= limits.waitingBytes;
    const isTableFull = retries.size >= limits.outcomes || retries.bytes >= limits.outcomeBytes;
    if (!isFull && !isTableFull) return null;
    // Outcomes that are in flight still fit.
    if (isTableFull) this.#forgetRetries();
    if (call.writes.some(({ seq }) => this.#isKnown(call.sequenceId, seq))) return null;
    const { tabletId } = this.#parts.group;
    return {
      code: "THROTTLED",
      detail: isFull
        ? `Tablet ${tabletId} has ${writes} writes waiting.`
        : `Tablet ${tabletId} keeps too many results for the retries of front-ends.`,
      hint: "Slow down and try again.",
      applied: "no",
      retryAfterMs: THROTTLED_RETRY_MS,
    };
  }

  /** Places of writes that were not taken before, or left no trace, before one of the same row that was. */
  #overtaken({ sequenceId, writes }: WriteCall): ReadonlySet<number> {
    const known = writes.map(({ seq }) => writes.length > 1 && this.#isKnown(sequenceId, seq));
    if (!known.includes(true)) return NONE;
    const overtaken = new Set<number>();
    const rows = new Set<string>();
    for (let at = writes.length - 1; at >= 0; at--) {
      const row = rowKeyText(must(writes[at], "a write of the call").write.key);
      if (known[at] === true) rows.add(row);
      else if (rows.has(row)) overtaken.add(at);
    }
    return overtaken;
  }

  #isKnown(sequenceId: bigint, seq: number): boolean {
    return (
      this.#underWay.has(sequenceId, seq) ||
      this.#parts.retries.lookUp(sequenceId, seq).kind !== "new"
    );
  }

  /** Only entries make the retry table forget (retry-table.ts, T1): without writes somebody must propose one. */
  #forgetRetries(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs < this.#forgetAtMs) return;
    this.#forgetAtMs = nowMs + FORGET_RETRIES_MS;
    this.#highest = this.#nextVersion();
    this.#entries.addEmpty(this.#generation, this.#highest, this.#underWay.doneBelow);
  }

  #wake(lane: RowLane): void {
    if (lane.ready || lane.loading) return;
    lane.ready = true;
    this.#ready.push(lane);
  }

  /** W6. */
  #evaluateReady(): void {
    let done = 0;
    for (const lane of this.#ready) {
      if (!this.#advance(lane)) break;
      lane.ready = false;
      this.#lanes.dropIfIdle(lane);
      done++;
    }
    this.#ready = done === this.#ready.length ? [] : this.#ready.slice(done);
    this.#reads.confirm();
  }

  /** Evaluates what can be evaluated, loads what is missing. False: the turn's work is used up. */
  #advance(lane: RowLane): boolean {
    for (;;) {
      const { first } = lane;
      if (first === undefined) return true;
      const key = first.numbered.write.idempotency?.key ?? null;
      if (lane.current === null || (key !== null && !lane.idempotency.has(key))) {
        this.#load(lane, key);
        return true;
      }
      if (!this.#budget.take(1 + (lane.recordBytes + first.bytes) / COST_BYTES)) return false;
      lane.removeFirst();
      this.#decide(lane, first);
    }
  }

  #load(lane: RowLane, idempotencyKey: string | null): void {
    lane.loading = true;
    this.#parts.load(lane.key, idempotencyKey, (loaded) => {
      lane.loading = false;
      if (!this.#lanes.isCurrent(lane)) return;
      // L1: what is not applied yet is newer than the store.
      if (lane.current === null) {
        lane.current = { row: loaded.row };
        lane.recordBytes = loaded.recordBytes;
      }
      if (idempotencyKey !== null && !lane.idempotency.has(idempotencyKey)) {
        lane.idempotency.set(idempotencyKey, loaded.idempotency);
      }
      this.#wake(lane);
      this.#evaluateReady();
    });
  }

  #decide(lane: RowLane, pending: PendingWrite): void {
    const { clock, idempotencyTtlMs, state } = this.#parts;
    const { seq, write } = pending.numbered;
    const version = this.#nextVersion();
    const nowMs = clock.monotonicMs();
    const decision = decideWrite(pending, {
      state: state(),
      nowMs,
      age: this.#age.at(nowMs),
      version,
      idempotencyTtlMs,
      retry: this.#retryOf(pending.sequenceId, seq),
      row: must(lane.current, "a loaded lane").row,
      stored:
        write.idempotency === null ? null : (lane.idempotency.get(write.idempotency.key) ?? null),
    });
    switch (decision.kind) {
      case "settled":
        this.#underWay.decide(pending, decision.outcome);
        return;
      case "read":
        this.#settleRead(lane, pending, decision.outcome);
        return;
      case "changes":
        this.#highest = version;
        this.#log(lane, pending, version, decision);
    }
  }

  #retryOf(sequenceId: bigint, seq: number): RetryLookup {
    const known = this.#parts.retries.lookUp(sequenceId, seq);
    if (known.kind === "new" && this.#underWay.isDone(sequenceId, seq))
      return { kind: "abandoned" };
    return known;
  }

  /** The row's version: the wall clock, or one above the tablet's highest if that is later. */
  #nextVersion(): Version {
    const wall = this.#parts.clock.wallMicros();
    return Math.max(wall, this.#highest + 1) as Version;
  }

  #log(
    lane: RowLane,
    pending: PendingWrite,
    version: Version,
    { effect, idempotency, next, result }: Extract<WriteDecision, { kind: "changes" }>,
  ): void {
    const { key, idempotency: given } = pending.numbered.write;
    lane.current = { row: next };
    if (effect.kind === "put-row") lane.recordBytes = effect.record.length;
    const stored =
      idempotency === null || given === null
        ? null
        : { rowKey: key, idempotencyKey: given.key, record: idempotency.encoded };
    if (idempotency !== null && given !== null) lane.idempotency.set(given.key, idempotency);
    const write = { lane, pending, version, effect, result, idempotency: stored };
    lane.unapplied++;
    lane.newest = this.#entries.add(write, this.#generation);
  }

  #entryApplied(batch: EntryBatch): void {
    for (const { lane, pending, result } of batch.writes) {
      this.#underWay.decide(pending, { kind: "done", result });
      lane.unapplied--;
      if (lane.newest === batch) lane.newest = null;
      this.#lanes.dropIfIdle(lane);
    }
    for (const { pending, outcome } of batch.kept) this.#underWay.decide(pending, outcome);
    for (const dependent of batch.dependents) this.#confirmRead(dependent);
    this.#reads.confirm();
  }

  /** It may or may not take effect, or never was proposed: sent again, it is told apart. */
  #entryLost(batch: EntryBatch): void {
    const answer = this.#parts.refusal();
    for (const { pending } of batch.writes) this.#underWay.redirect(pending, answer);
    for (const { pending } of batch.kept) this.#underWay.redirect(pending, answer);
    for (const { pending } of batch.dependents) this.#underWay.redirect(pending, answer);
  }

  /** W2: an outcome that changes nothing. */
  #settleRead(lane: RowLane, pending: PendingWrite, outcome: WriteOutcome): void {
    // It may be the result of another request under the same Idempotency-Key.
    if (outcome.kind === "done") pending.progress.mayTakeEffect();
    if (lane.newest === null) this.#confirmRead({ pending, outcome });
    else lane.newest.dependents.push({ pending, outcome });
  }

  /** REQUIRES: what it was read from is applied, and `confirm` follows in this turn. */
  #confirmRead(unchanged: UnchangedOutcome): void {
    this.#reads.add({
      confirmed: () => this.#answerUnchanged(unchanged),
      refused: () => this.#underWay.redirect(unchanged.pending, this.#parts.notLeader()),
    });
  }

  /** W3. The outcome holds; what strays of the write may bring is known to come after it. */
  #answerUnchanged(unchanged: UnchangedOutcome): void {
    const { outcome, pending } = unchanged;
    if (!pending.hasStrays) this.#underWay.decide(pending, outcome);
    else if (this.#underWay.holds(pending))
      this.#entries.keep(unchanged, this.#generation, this.#highest);
  }
}
