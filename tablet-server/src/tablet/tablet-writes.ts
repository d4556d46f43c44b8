/**
 * The write path of a tablet's leader: from calls to outcomes.
 *
 *   submit -> lane of the row -> (load) -> evaluate -> entry in the making -> propose, once a cycle -> applied -> answer
 *
 * W1. Writes of one row are evaluated in the order they came, each on the result of the one before (row-lane.ts).
 * W2. A write that changes something is answered when its entry is applied here. One that changes nothing is a read:
 *     it is answered when the entry it was read from is applied, or, if that is so already, once the leadership at
 *     the time of reading is certain.
 * W3. A write that is sent again under its retry number is never evaluated twice: it joins the one under way, or
 *     gets the stored result.
 * W4. Everything here belongs to one term; when the leadership ends, all that wait are told to ask the next leader.
 * W5. What waits is bounded in writes and in bytes; beyond it calls fail at once with THROTTLED.
 */
import { assert, must } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { LogIndex, Term, Version } from "@stele/shared/ids.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import { ProposalTracker } from "@stele/shared/replication/proposal-tracker.ts";
import type { WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { EntryBatch } from "./entry-batch.ts";
import { evaluateWrite } from "./evaluate-write.ts";
import {
  encodeIdempotencyRecord,
  lookUpIdempotency,
  type IdempotencyRecord,
} from "./idempotency.ts";
import type { RetryTable } from "./retry-ids.ts";
import { newRowLane, type RowLane } from "./row-lane.ts";
import type { TabletState } from "./tablet-state.ts";
import {
  decide,
  redirect,
  type PendingWrite,
  type Redirect,
  type WriteCallProgress,
} from "./write-call.ts";

const MAX_WAITING_WRITES = 20_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const MAX_ENTRY_BYTES = 4 * 1024 * 1024;
const MAX_IDEMPOTENCY_BYTES = 64 * 1024 * 1024;
const THROTTLED_RETRY_MS = 100;
/** How soon a refused proposal (a transfer, too much uncommitted) is tried again if nothing else happens. */
const PROPOSE_AGAIN_MS = 20;

export interface LoadedRow {
  readonly row: StoredRow | null;
  /** Of the idempotency key asked for; null: none stored, or none asked for. */
  readonly idempotency: IdempotencyRecord | null;
}

export interface TabletWritesParts {
  readonly group: Group;
  readonly term: Term;
  readonly clock: Clock;
  readonly idempotencyTtlMs: number;
  readonly state: () => TabletState;
  readonly retries: RetryTable;
  /** Loads a row as applied, and one idempotency record beside it; loads of one turn share a read. */
  readonly load: (
    key: Buffer,
    idempotencyKey: string | null,
    loaded: (result: LoadedRow) => void,
  ) => void;
  /** How a call is answered once this replica cannot serve it. */
  readonly notLeader: () => Redirect;
}

export class TabletWrites {
  readonly #parts: TabletWritesParts;
  readonly #tracker = new ProposalTracker<EntryFate>();
  readonly #lanes = new Map<string, RowLane>();
  readonly #underWay = new Map<bigint, Map<number, PendingWrite>>();
  /** In the making; the last one is open. */
  #forming: EntryBatch[] = [];
  #flushAsked = false;
  /** The highest version given out. */
  #highest: Version;
  #waitingWrites = 0;
  #waitingBytes = 0;
  /** Outcomes read from applied rows, waiting for the end of the turn. */
  #unconfirmed: { readonly pending: PendingWrite; readonly outcome: WriteOutcome }[] = [];
  #ended = false;

  constructor(parts: TabletWritesParts) {
    this.#parts = parts;
    this.#highest = parts.state().maxVersion;
  }

  /** Why the tablet takes no new writes now; null: it does. */
  overload(): DatabaseErrorBody | null {
    const full =
      this.#waitingWrites >= MAX_WAITING_WRITES ||
      this.#waitingBytes >= MAX_WAITING_BYTES ||
      this.#parts.retries.isFull;
    if (!full) return null;
    const { tabletId } = this.#parts.group;
    return {
      code: "THROTTLED",
      detail: `Tablet ${tabletId} has ${this.#waitingWrites} writes waiting.`,
      hint: "Slow down and try again.",
      applied: "no",
      retryAfterMs: THROTTLED_RETRY_MS,
    };
  }

  /** @param bytes of the call, as it counts against the limit while it waits */
  submit(progress: WriteCallProgress, bytes: number): void {
    assert(!this.#ended, "W4: submitted after the term");
    const { call } = progress;
    const share = bytes / call.writes.length;
    call.writes.forEach((numbered, at) => {
      const known = this.#underWay.get(call.bootId)?.get(numbered.seq);
      if (known !== undefined) {
        known.repeats.push({ progress, at });
        return;
      }
      const pending = { progress, at, bootId: call.bootId, numbered, repeats: [] };
      this.#begin(pending, share);
      const lane = this.#lane(numbered.write.key);
      lane.queue.push(pending);
      this.#advance(lane);
    });
    this.#confirmTurn();
  }

  /** The entry that this leader may have proposed at (index, term) is applied, or found void. */
  applied(index: LogIndex, term: Term, fate: EntryFate): void {
    this.#tracker.applied(index, term, () => fate);
    if (this.#forming.length > 0) this.#askFlush();
  }

  /** W4. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tracker.abandon();
    const answer = this.#parts.notLeader();
    for (const boot of this.#underWay.values()) {
      for (const pending of boot.values()) redirect(pending, answer);
    }
    this.#underWay.clear();
    this.#lanes.clear();
    this.#forming = [];
    this.#unconfirmed = [];
  }

  #begin(pending: PendingWrite, bytes: number): void {
    let boot = this.#underWay.get(pending.bootId);
    if (boot === undefined) this.#underWay.set(pending.bootId, (boot = new Map()));
    boot.set(pending.numbered.seq, pending);
    this.#waitingWrites++;
    this.#waitingBytes += bytes;
    this.#shares.set(pending, bytes);
  }

  readonly #shares = new WeakMap<PendingWrite, number>();

  /** The write is no longer under way; true unless that was so already. */
  #finish(pending: PendingWrite): void {
    const boot = this.#underWay.get(pending.bootId);
    if (boot?.get(pending.numbered.seq) !== pending) return;
    boot.delete(pending.numbered.seq);
    if (boot.size === 0) this.#underWay.delete(pending.bootId);
    this.#waitingWrites--;
    this.#waitingBytes -= this.#shares.get(pending) ?? 0;
  }

  #decide(pending: PendingWrite, outcome: WriteOutcome): void {
    this.#finish(pending);
    decide(pending, outcome);
  }

  #lane(key: Buffer): RowLane {
    const text = rowKeyText(key);
    let lane = this.#lanes.get(text);
    if (lane === undefined) {
      // A copy: the call's buffer, of which the key is a view, must not live as long as the lane.
      lane = newRowLane(Buffer.from(key), text);
      this.#lanes.set(text, lane);
    }
    return lane;
  }

  /** Evaluates what can be evaluated, loads what is missing. */
  #advance(lane: RowLane): void {
    for (;;) {
      const head = lane.queue[0];
      if (head === undefined || lane.loading) break;
      const key = head.numbered.write.idempotency?.key ?? null;
      if (lane.current === null || (key !== null && !lane.idempotency.has(key))) {
        this.#load(lane, key);
        break;
      }
      lane.queue.shift();
      this.#evaluate(lane, head);
    }
    if (lane.queue.length === 0 && lane.unapplied === 0) this.#lanes.delete(lane.text);
  }

  #load(lane: RowLane, idempotencyKey: string | null): void {
    lane.loading = true;
    this.#parts.load(lane.key, idempotencyKey, (loaded) => {
      if (this.#ended) return;
      lane.loading = false;
      // L1: what is not applied yet is newer than the store.
      lane.current ??= { row: loaded.row };
      if (idempotencyKey !== null && !lane.idempotency.has(idempotencyKey)) {
        lane.idempotency.set(idempotencyKey, loaded.idempotency);
      }
      this.#advance(lane);
      this.#confirmTurn();
    });
  }

  #evaluate(lane: RowLane, pending: PendingWrite): void {
    const { write, seq } = pending.numbered;
    const { clock, retries, state } = this.#parts;
    const known = retries.lookUp(pending.bootId, seq);
    if (known.kind === "done") {
      this.#decide(pending, { kind: "done", result: known.result });
      return;
    }
    if (known.kind === "abandoned") {
      this.#decide(
        pending,
        failed("UNAVAILABLE", "The write was given up by its front-end.", "unknown"),
      );
      return;
    }
    if (clock.monotonicMs() >= pending.progress.deadlineMs) {
      this.#decide(
        pending,
        failed("DEADLINE", "The deadline passed before the write's turn came.", "no"),
      );
      return;
    }
    const version = this.#nextVersion();
    if (write.idempotency !== null) {
      const stored = lane.idempotency.get(write.idempotency.key) ?? null;
      const found = lookUpIdempotency(stored, write.idempotency, version);
      if (found.kind === "replay") {
        this.#settleRead(lane, pending, { kind: "done", result: found.result });
        return;
      }
      if (found.kind === "mismatch") {
        this.#settleRead(lane, pending, { kind: "failed", error: found.error });
        return;
      }
      if (state().idempotencyBytes >= MAX_IDEMPOTENCY_BYTES) {
        const detail = "The tablet keeps too many results for Idempotency-Keys.";
        this.#decide(pending, {
          kind: "failed",
          error: { code: "THROTTLED", detail, applied: "no", retryAfterMs: 60_000 },
        });
        return;
      }
    }
    const { row } = must(lane.current, "a loaded lane");
    const evaluation = evaluateWrite(row, write, version, state().schema);
    switch (evaluation.kind) {
      case "refused":
        this.#settleRead(lane, pending, { kind: "failed", error: evaluation.error });
        return;
      case "unchanged":
        this.#settleRead(lane, pending, { kind: "done", result: evaluation.result });
        return;
      case "applied":
        this.#highest = version;
        lane.current = { row: evaluation.next };
        this.#form(lane, pending, version, evaluation);
    }
  }

  /** The row's version: the wall clock, or one above the tablet's highest if that is later. */
  #nextVersion(): Version {
    const wall = this.#parts.clock.wallMicros();
    return Math.max(wall, this.#highest + 1) as Version;
  }

  #form(
    lane: RowLane,
    pending: PendingWrite,
    version: Version,
    evaluation: { effect: Parameters<EntryBatch["add"]>[1]; result: WriteResult },
  ): void {
    let batch = this.#forming.at(-1);
    if (batch === undefined || batch.bytes >= MAX_ENTRY_BYTES) {
      batch = new EntryBatch(version);
      this.#forming.push(batch);
    }
    batch.maxVersion = version;
    batch.add(lane, evaluation.effect, pending, evaluation.result);
    lane.unapplied++;
    lane.newest = batch;
    const { idempotency, key } = pending.numbered.write;
    if (idempotency !== null) {
      const expiry = (version + this.#parts.idempotencyTtlMs * 1000) as Version;
      const { fingerprint } = idempotency;
      const stored = { fingerprint, expiry, result: evaluation.result };
      lane.idempotency.set(idempotency.key, stored);
      batch.addIdempotency({
        rowKey: key,
        idempotencyKey: idempotency.key,
        record: encodeIdempotencyRecord(key, idempotency.key, stored),
      });
    }
    this.#askFlush();
  }

  #askFlush(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#parts.group.nextCycle(() => {
      this.#flushAsked = false;
      if (!this.#ended) this.#flush();
    });
  }

  /** Proposes what has gathered, in order. */
  #flush(): void {
    const { clock, group, state, term } = this.#parts;
    for (let batch = this.#forming[0]; batch !== undefined; batch = this.#forming[0]) {
      const proposed = group.propose(batch.encode(state().generation), term);
      if (proposed.kind === "refused") {
        // What was evaluated stays in order and waits: for room, for a transfer to end, or for the end of
        // the term, of which the host tells.
        clock.after(PROPOSE_AGAIN_MS, () => {
          if (!this.#ended) this.#askFlush();
        });
        return;
      }
      this.#forming.shift();
      const taken = batch;
      this.#tracker.add(proposed.index, term, {
        done: (fate) => this.#entryDone(taken, fate),
        lost: () => this.#entryLost(taken),
      });
    }
  }

  #entryDone(batch: EntryBatch, fate: EntryFate): void {
    if (fate === "void") {
      this.#entryLost(batch);
      return;
    }
    for (const { pending, result } of batch.writes) this.#decide(pending, { kind: "done", result });
    for (const { pending, outcome } of batch.dependents) this.#decide(pending, outcome);
    for (const lane of batch.lanes) {
      lane.unapplied--;
      if (lane.newest === batch) lane.newest = null;
      if (lane.unapplied === 0 && lane.queue.length === 0) this.#lanes.delete(lane.text);
    }
  }

  /** The entry may or may not have taken effect, or was refused by every replica: sent again, it is told apart. */
  #entryLost(batch: EntryBatch): void {
    const answer = this.#parts.notLeader();
    for (const { pending } of [...batch.writes, ...batch.dependents]) {
      this.#finish(pending);
      redirect(pending, answer);
    }
  }

  /** W2: an outcome that changes nothing. */
  #settleRead(lane: RowLane, pending: PendingWrite, outcome: WriteOutcome): void {
    if (lane.newest !== null) lane.newest.dependents.push({ pending, outcome });
    else this.#unconfirmed.push({ pending, outcome });
  }

  /** One check of the leadership for all outcomes that this turn read. */
  #confirmTurn(): void {
    const read = this.#unconfirmed;
    if (read.length === 0) return;
    this.#unconfirmed = [];
    const settle = (): void => {
      for (const { pending, outcome } of read) this.#decide(pending, outcome);
    };
    if (this.#parts.group.holdsLease()) {
      settle();
      return;
    }
    void this.#parts.group.readBarrier().then((outcome) => {
      if (this.#ended) return;
      if (outcome === "ready") settle();
      else for (const { pending } of read) redirect(pending, this.#parts.notLeader());
    });
  }
}

/** `void`: applied as refused, because the tablet's generation had changed. */
export type EntryFate = "effective" | "void";

function failed(
  code: "DEADLINE" | "UNAVAILABLE",
  detail: string,
  applied: "no" | "unknown",
): WriteOutcome {
  return { kind: "failed", error: { code, detail, applied } };
}
