/**
 * Removes idempotency records that have expired, on the tablets that this server leads: looks through them slice by
 * slice and proposes to forget what it finds. The entry carries the log age, so every replica forgets the same.
 *
 * X1. A tick does a bounded amount of work, whatever there is; a tablet is looked through about once a minute.
 * X2. Of each tablet at most one entry is on its way.
 * X3. Where nothing is written, such an entry also tells the age now and then: else a tablet whose leaders change before
 *     anything expires would never grow older.
 */
import {
  StoreClosedError,
  StoreReadError,
  type CheckpointStore,
  type StoreEntry,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import { keyAfter } from "@stele/shared/row-key.ts";
import { CorruptRecordError } from "./storage/corrupt-record-error.ts";
import { decodeIdempotencyStoreKey } from "./storage/key-layout.ts";
import type { IdempotencyName } from "./tablet/entry-payload.ts";
import { decodeIdempotencyRecord } from "./tablet/idempotency.ts";
import type { LogAge } from "./tablet/log-age.ts";
import { idempotencyRanges } from "./tablet/tablet-ranges.ts";
import type { Tablet } from "./tablet/tablet.ts";

const PASS_EVERY_MS = 60_000;
const SLICES_A_TICK = 20;
const SLICE_RECORDS = 256;
const SLICE_BYTES = 256 * 1024;
/** X3: so much of its leadership is lost at most, to the age of a tablet that has records. */
const UNTOLD_AGE_MS = 5 * 60_000;

export interface IdempotencyExpiryParts {
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly tablets: () => Iterable<Tablet>;
  readonly failed: (error: unknown) => void;
}

/** How far one tablet has been looked through. */
interface Pass {
  /** Store key to go on from; null: a new pass begins. */
  from: Buffer | null;
  nextAtMs: number;
  proposing: boolean;
}

export class IdempotencyExpiry {
  readonly #parts: IdempotencyExpiryParts;
  #passes = new Map<TabletId, Pass>();
  #running = false;

  constructor(parts: IdempotencyExpiryParts) {
    this.#parts = parts;
  }

  /** To be called every second or so; while one runs, another does nothing. */
  async tick(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#lookAtSome();
    } catch (error) {
      if (!(error instanceof StoreClosedError)) this.#parts.failed(error);
    } finally {
      this.#running = false;
    }
  }

  async #lookAtSome(): Promise<void> {
    let left = SLICES_A_TICK;
    for (const [tablet, pass] of this.#due()) {
      while (left > 0 && !pass.proposing && this.#isDue(pass)) {
        await this.#lookAt(tablet, pass);
        left--;
      }
      if (left === 0) return;
    }
  }

  /** Those that wait longest first. */
  #due(): [Tablet, Pass][] {
    const passes = new Map<TabletId, Pass>();
    const due: [Tablet, Pass][] = [];
    for (const tablet of this.#parts.tablets()) {
      if (tablet.writes === null || tablet.state.idempotencyBytes === 0) continue;
      const known = this.#passes.get(tablet.tabletId);
      const pass = known ?? { from: null, nextAtMs: 0, proposing: false };
      passes.set(tablet.tabletId, pass);
      if (this.#isDue(pass)) due.push([tablet, pass]);
    }
    this.#passes = passes;
    return due.sort(([, a], [, b]) => a.nextAtMs - b.nextAtMs);
  }

  #isDue(pass: Pass): boolean {
    return pass.nextAtMs <= this.#parts.clock.monotonicMs();
  }

  async #lookAt(tablet: Tablet, pass: Pass): Promise<void> {
    const age = tablet.writes?.age;
    if (age === undefined) return;
    const expired: IdempotencyName[] = [];
    try {
      const found = await this.#nextRecords(tablet, pass.from);
      for (const entry of found) expired.push(...nameIfExpired(entry, age));
      const last = found.at(-1);
      pass.from = last === undefined ? null : keyAfter(last[0]);
    } catch (error) {
      const isDamage =
        error instanceof CorruptRecordError ||
        error instanceof MalformedFrameError ||
        error instanceof StoreReadError;
      if (!isDamage) throw error;
      pass.from = null;
      if (tablet.writes !== null) tablet.damaged(error);
    }
    if (pass.from === null) pass.nextAtMs = this.#parts.clock.monotonicMs() + PASS_EVERY_MS;
    const isUntold = age - tablet.state.age >= UNTOLD_AGE_MS;
    if (expired.length > 0 || isUntold) this.#propose(tablet, pass, expired);
  }

  /** The next slice, in the order of the store; empty: the end. */
  async #nextRecords(tablet: Tablet, from: Buffer | null): Promise<readonly StoreEntry[]> {
    for (const { start, end } of idempotencyRanges(tablet.state)) {
      const begin = from !== null && Buffer.compare(from, start) > 0 ? from : start;
      if (Buffer.compare(begin, end) >= 0) continue;
      const iterator = this.#parts.store.iterate({ start: begin, end, reverse: false });
      let found: readonly StoreEntry[];
      try {
        found = await iterator.next(SLICE_RECORDS, SLICE_BYTES);
      } finally {
        await iterator.close();
      }
      if (found.length > 0) return found;
    }
    return [];
  }

  #propose(tablet: Tablet, pass: Pass, records: readonly IdempotencyName[]): void {
    pass.proposing = true;
    // Whatever becomes of it: what is still there is found again.
    void tablet.forgetIdempotency(records).then(() => (pass.proposing = false));
  }
}

function nameIfExpired([key, value]: StoreEntry, age: LogAge): IdempotencyName[] {
  const { idempotencyKey, rowKey } = decodeIdempotencyStoreKey(key);
  const { expiry } = decodeIdempotencyRecord(rowKey, idempotencyKey, value);
  return expiry <= age ? [{ rowKey, idempotencyKey }] : [];
}
