/**
 * Hashes of a tablet's data as of one log index, which its replicas compare (docs/FAILURES.md). Begun by
 * applying a verify entry, computed in the background over a consistent view, kept for a while for whoever asks.
 *
 * V1. The view is taken when the store holds exactly the entries up to the verify entry (apply-commands.ts, Q3).
 * V2. The hash covers every record of the tablet, rows and what lies beside them, in key order, without the
 *     spaces, which differ between replicas.
 * V3. No hash is given of data that is not what was written: the replica is suspect then.
 * V4. At most `MAX_KEPT` results are kept, oldest out first.
 */
import { createHash } from "node:crypto";
import {
  StoreClosedError,
  StoreReadError,
  type CheckpointStore,
  type StoreSnapshot,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex, TabletId } from "@stele/shared/ids.ts";
import { DamagedReplicaError } from "@stele/shared/replication/state-machine.ts";
import { relativeKey } from "../storage/key-layout.ts";
import { checkEntry } from "./check-entry.ts";
import { rowRanges, tabletRanges } from "./tablet-ranges.ts";
import type { TabletState } from "./tablet-state.ts";

export interface Verification {
  readonly index: LogIndex;
  readonly rows: number;
  /** Hexadecimal SHA-256. */
  readonly hash: string;
}

/** Null: it failed. */
type Hashing = Promise<Verification | null>;

const MAX_KEPT = 64;
const STEP_RECORDS = 1000;
const STEP_BYTES = 1024 * 1024;

export class Verifications {
  readonly #store: CheckpointStore;
  readonly #failed: (error: unknown) => void;
  readonly #results = new Map<string, Hashing>();
  /** Asked for before the entry was applied here. */
  readonly #awaited = new Map<string, ((result: Hashing) => void)[]>();

  constructor(store: CheckpointStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /**
   * The verify entry has just been written; called between two batches.
   *
   * @param damaged the data could not be read, or is not what was written; then there is no result
   */
  begin(
    state: TabletState,
    verify: { readonly index: LogIndex; readonly verifyId: number },
    damaged: (error: Error) => void,
  ): void {
    const name = nameOf(state.tabletId, verify.verifyId);
    const hashed = hashTablet(this.#store.snapshot(), state, verify.index);
    const result = hashed.catch((error: unknown) => {
      if (error instanceof StoreReadError || error instanceof DamagedReplicaError) damaged(error);
      else if (!(error instanceof StoreClosedError)) this.#failed(error);
      return null;
    });
    this.#results.set(name, result);
    for (const awaiting of this.#awaited.get(name) ?? []) awaiting(result);
    this.#awaited.delete(name);
    const oldest = this.#results.keys().next();
    if (this.#results.size > MAX_KEPT && oldest.done !== true) this.#results.delete(oldest.value);
  }

  /** The result, once the entry is applied here; null when there is none, or `expired` fires first. */
  result(tablet: TabletId, verifyId: number, expired: Promise<void>): Promise<Verification | null> {
    const name = nameOf(tablet, verifyId);
    const known = this.#results.get(name);
    if (known !== undefined) return known;
    let asked = (_begun: Hashing): void => undefined;
    const begun = new Promise<Verification | null>((resolve) => (asked = resolve));
    const waiting = this.#awaited.get(name) ?? [];
    waiting.push(asked);
    this.#awaited.set(name, waiting);
    const gaveUp = expired.then(() => {
      this.#stopAwaiting(name, asked);
      return null;
    });
    return Promise.race([begun, gaveUp]);
  }

  #stopAwaiting(name: string, asked: (begun: Hashing) => void): void {
    const left = (this.#awaited.get(name) ?? []).filter((each) => each !== asked);
    if (left.length === 0) this.#awaited.delete(name);
    else this.#awaited.set(name, left);
  }
}

function nameOf(tablet: TabletId, verifyId: number): string {
  return `${tablet}/${verifyId}`;
}

async function hashTablet(
  view: StoreSnapshot,
  state: TabletState,
  index: LogIndex,
): Promise<Verification> {
  const hash = createHash("sha256");
  const frame = Buffer.allocUnsafe(8);
  let rows = 0;
  const rowStarts = new Set(rowRanges(state).map(({ start }) => start.toString("hex")));
  try {
    for (const range of tabletRanges(state)) {
      const countsRows = rowStarts.has(range.start.toString("hex"));
      const iterator = view.iterate({ ...range, reverse: false });
      try {
        for (;;) {
          const found = await iterator.next(STEP_RECORDS, STEP_BYTES);
          if (found.length === 0) break;
          if (countsRows) rows += found.length;
          for (const [key, value] of found) {
            const relative = relativeKey(key);
            checkEntry(relative, value);
            frame.writeUInt32LE(relative.length, 0);
            frame.writeUInt32LE(value.length, 4);
            hash.update(frame).update(relative).update(value);
          }
        }
      } finally {
        await iterator.close();
      }
    }
  } finally {
    await view.close();
  }
  return { index, rows, hash: hash.digest("hex") };
}
