/**
 * The checkpoint store over any engine: one batch at a time, errors that stick, checkpoints with
 * proof that concurrent callers share.
 *
 * Owns: the turn (who may touch the engine's write side), the sticky error, the count of batches and
 * how many of them are proven. Does not own: data, files.
 *
 * S1. A batch, a probe and the start of a flush take turns, so that a flush request never queues
 *     behind a batch inside LevelDB, which would swallow it.
 * S2. proven <= written; a checkpoint covers at least the batches written when it was called.
 * S3. The first error of the write side fails every later call with the same cause (K3).
 */
import { assert, InvariantError, must } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { StoreClosedError, StoreFailedError } from "./checkpoint-store.ts";
import type {
  CheckpointStore,
  StoreIterator,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "./checkpoint-store.ts";
import { provenFlush } from "./proven-flush.ts";
import type { FlushProof } from "./proven-flush.ts";
import type { StoreEngine } from "./store-engine.ts";

type State =
  | { readonly kind: "open" }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "closed" };

interface RunningCheckpoint {
  readonly covers: number;
  readonly done: Promise<void>;
}

export interface ProvenStoreOptions {
  readonly engine: StoreEngine;
  readonly clock: Clock;
  /** Told of every proof, for metrics. */
  readonly onProof?: ((proof: FlushProof) => void) | undefined;
}

export class ProvenStore implements CheckpointStore {
  readonly #engine: StoreEngine;
  readonly #clock: Clock;
  readonly #onProof: (proof: FlushProof) => void;
  #state: State = { kind: "open" };
  /** Settles when the engine's write side is free; never rejects. */
  #turn: Promise<void> = Promise.resolve();
  #batchInFlight = false;
  /** Of the last batch, for the probe. */
  #lastKey: Buffer | null = null;
  #written = 0;
  #proven = 0;
  #running: RunningCheckpoint | null = null;
  #next: Promise<void> | null = null;

  constructor({ engine, clock, onProof = () => undefined }: ProvenStoreOptions) {
    this.#engine = engine;
    this.#clock = clock;
    this.#onProof = onProof;
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    this.#requireOpen();
    return this.#engine.getMany(keys);
  }

  iterate(range: StoreRange): StoreIterator {
    this.#requireOpen();
    return this.#engine.iterate(range);
  }

  snapshot(): StoreSnapshot {
    this.#requireOpen();
    return this.#engine.snapshot();
  }

  async approximateBytes(start: Buffer, end: Buffer): Promise<number> {
    this.#requireOpen();
    return this.#engine.approximateBytes(start, end);
  }

  async write(batch: readonly StoreOperation[]): Promise<void> {
    this.#requireOpen();
    assert(!this.#batchInFlight, "K4: a batch is in flight already");
    for (const { key } of batch) assert(key.length > 0, "an empty key cannot be written");
    const last = batch.at(-1);
    if (last === undefined) return;
    this.#batchInFlight = true;
    try {
      await this.#inTurn(() => this.#engine.writeBatch(batch));
      this.#lastKey = Buffer.from(last.key);
      this.#written += 1;
    } finally {
      this.#batchInFlight = false;
    }
  }

  async checkpoint(): Promise<void> {
    this.#requireOpen();
    return this.#proveAll();
  }

  async close(): Promise<void> {
    const { kind } = this.#state;
    if (kind === "closed") return;
    assert(!this.#batchInFlight, "closed with a batch in flight");
    // Closed to callers from here on; the last checkpoint still runs.
    this.#state = { kind: "closed" };
    if (kind === "open") await this.#proveAll();
    await this.#engine.close();
  }

  #proveAll(): Promise<void> {
    if (this.#proven === this.#written) return Promise.resolve();
    const running = this.#running;
    if (running === null) return this.#startCheckpoint();
    if (running.covers === this.#written) return running.done;
    this.#next ??= running.done.then(() => {
      this.#next = null;
      return this.#startCheckpoint();
    });
    return this.#next;
  }

  #startCheckpoint(): Promise<void> {
    const covers = this.#written;
    const done = this.#prove(covers);
    this.#running = { covers, done };
    return done;
  }

  async #prove(covers: number): Promise<void> {
    let proof: FlushProof;
    try {
      proof = await provenFlush(
        {
          listLogs: () => this.#engine.listLogs(),
          flush: () => this.#flush(),
          writeProbe: () => this.#inTurn(() => this.#repeatLastKey()),
        },
        this.#clock,
      );
    } catch (error) {
      throw this.#fail(error);
    }
    assert(this.#proven <= covers, "S2: proofs come in order");
    this.#proven = covers;
    this.#running = null;
    this.#onProof(proof);
  }

  /** Only the start takes a turn: batches go on while the engine flushes (S1). */
  async #flush(): Promise<void> {
    let flushed: Promise<void> = Promise.resolve();
    await this.#inTurn(() => {
      flushed = this.#engine.flush();
      return Promise.resolve();
    });
    await flushed;
  }

  /** A batch that changes nothing, and widens no table's key range as a key of its own would. */
  async #repeatLastKey(): Promise<void> {
    const key = must(this.#lastKey, "a probe follows a batch");
    const [value] = await this.#engine.getMany([key]);
    const operation: StoreOperation =
      value === undefined ? { type: "del", key } : { type: "put", key, value };
    await this.#engine.writeBatch([operation]);
  }

  async #inTurn(act: () => Promise<void>): Promise<void> {
    const before = this.#turn;
    const turn = Promise.withResolvers<void>();
    this.#turn = turn.promise;
    await before;
    try {
      if (this.#state.kind === "failed") throw this.#state.error;
      await act();
    } catch (error) {
      throw this.#fail(error);
    } finally {
      turn.resolve();
    }
  }

  #requireOpen(): void {
    const state = this.#state;
    if (state.kind === "failed") throw state.error;
    if (state.kind === "closed") throw new StoreClosedError("the store is closed");
  }

  /** Keeps the first error (S3) and returns it. */
  #fail(error: unknown): Error {
    if (this.#state.kind === "failed") return this.#state.error;
    const failure = asFailure(error);
    this.#state = { kind: "failed", error: failure };
    return failure;
  }
}

function asFailure(error: unknown): Error {
  if (error instanceof StoreFailedError || error instanceof InvariantError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new StoreFailedError(`a write of the store failed: ${detail}`, { cause: error });
}
