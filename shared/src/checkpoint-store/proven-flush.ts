/**
 * Proof that a log-structured store's memory has reached its tables. The store itself cannot be
 * trusted to say so: LevelDB's `compactRange` resolves without a flush when its request is grouped
 * behind a batch, and on ENOSPC and EMFILE. What cannot lie is its directory: a log file is deleted
 * only after the tables that replace it, and the manifest that names them, were synced.
 *
 * P1. All batches done before the call lie in logs numbered <= L, the highest number then present.
 * P2. Proven when a log above L exists (the store turned to a new one), none at or below L does, and
 *     one more batch succeeds (no background error is pending). Otherwise flush again.
 * P3. No proof in time is a failure of the store.
 */
import { delay } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { StoreFailedError } from "./checkpoint-store.ts";

export interface FlushableEngine {
  /** Numbers of the log files that exist now. */
  listLogs(): Promise<readonly number[]>;
  /** Asks for the memory written so far to be flushed to tables. That it resolves proves nothing. */
  flush(): Promise<void>;
  /** Writes one more batch; rejects while the store holds an error back. */
  writeProbe(): Promise<void>;
}

export interface FlushProof {
  /** Flushes asked for until the proof held; 1: no retry. */
  readonly flushes: number;
}

/** How long the proof may take before the store counts as failed. */
export const PROOF_LIMIT_MS = 30_000;

const PAUSE_MIN_MS = 2;
const PAUSE_MAX_MS = 250;

/** Rejects with `StoreFailedError` after `PROOF_LIMIT_MS`, else with what the engine rejects. */
export async function provenFlush(engine: FlushableEngine, clock: Clock): Promise<FlushProof> {
  const limit = Promise.withResolvers<never>();
  let passed = false;
  const cancelLimit = clock.after(PROOF_LIMIT_MS, () => {
    passed = true;
    limit.reject(noProof());
  });
  try {
    return await Promise.race([flushUntilProven(engine, clock, () => passed), limit.promise]);
  } finally {
    cancelLimit();
  }
}

async function flushUntilProven(
  engine: FlushableEngine,
  clock: Clock,
  isOver: () => boolean,
): Promise<FlushProof> {
  let covered: number | null = null;
  let pauseMs = PAUSE_MIN_MS;
  for (let flushes = 1; !isOver(); flushes++) {
    // Without any log there is no L to note: the flush makes the store turn to a new one.
    covered ??= highest(await engine.listLogs());
    await engine.flush();
    if (covered !== null && proves(await engine.listLogs(), covered)) {
      await engine.writeProbe();
      return { flushes };
    }
    await delay(clock, pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
  }
  throw noProof();
}

function highest(logs: readonly number[]): number | null {
  return logs.length === 0 ? null : Math.max(...logs);
}

function proves(logs: readonly number[], covered: number): boolean {
  return logs.length > 0 && logs.every((log) => log > covered);
}

function noProof(): StoreFailedError {
  return new StoreFailedError(`no proof of a flush within ${PROOF_LIMIT_MS} ms`);
}
