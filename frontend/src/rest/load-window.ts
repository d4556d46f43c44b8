/**
 * The writes of a load that are not decided yet: waiting to be sent, or in flight.
 *
 * W1. Writes of one row are applied in the order added: a row is in at most one request at a time.
 * W2. Bounded: when full, whoever adds waits for room.
 * W3. Batching without delay: when nothing is in flight, whatever waits is sent; while something is,
 *     only full requests join it.
 */
import { rowKeyText } from "@stele/shared/row-key.ts";
import type { RowWrite, WriteOutcome } from "@stele/shared/row-operations.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_WRITES = 8192;
const MAX_REQUESTS = 4;
const REQUEST_WRITES = 512;
const REQUEST_BYTES = 512 * 1024;

export interface PendingWrite {
  /** From 1. */
  readonly line: number;
  readonly write: RowWrite;
  /** Of the line: what it holds in memory, near enough. */
  readonly bytes: number;
}

export interface LoadSink {
  /** One outcome a write, in order. */
  send(writes: readonly RowWrite[]): Promise<readonly WriteOutcome[]>;
  decided(line: number, outcome: WriteOutcome): void;
  /** A whole request failed: the load cannot go on. */
  failed(error: unknown): void;
}

export class LoadWindow {
  readonly #sink: LoadSink;
  #waiting: PendingWrite[] = [];
  readonly #rowsInFlight = new Set<string>();
  #requests = 0;
  #writes = 0;
  #bytes = 0;
  #wakeUps: (() => void)[] = [];

  constructor(sink: LoadSink) {
    this.#sink = sink;
  }

  get isFull(): boolean {
    return this.#bytes >= MAX_BYTES || this.#writes >= MAX_WRITES;
  }

  get isEmpty(): boolean {
    return this.#writes === 0;
  }

  /** To be followed by `send` once no more is at hand. */
  add(pending: PendingWrite): void {
    this.#waiting.push(pending);
    this.#writes++;
    this.#bytes += pending.bytes;
  }

  send(): void {
    while (this.#requests < MAX_REQUESTS) {
      const request = this.#nextRequest();
      if (request.length === 0) return;
      void this.#run(request);
    }
  }

  /** Resolves when something was decided since. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#wakeUps.push(resolve));
  }

  /** Forgets what was not sent; what is in flight is still decided. */
  abandonWaiting(): void {
    for (const { bytes } of this.#waiting) this.#release(bytes);
    this.#waiting = [];
  }

  /** The first waiting writes whose rows are not in flight; none while a fuller request is due. */
  #nextRequest(): readonly PendingWrite[] {
    const request: PendingWrite[] = [];
    const kept: PendingWrite[] = [];
    let bytes = 0;
    for (const pending of this.#waiting) {
      const hasRoom = request.length < REQUEST_WRITES && bytes < REQUEST_BYTES;
      if (hasRoom && !this.#rowsInFlight.has(rowKeyText(pending.write.key))) {
        request.push(pending);
        bytes += pending.bytes;
      } else kept.push(pending);
    }
    const isFull = request.length >= REQUEST_WRITES || bytes >= REQUEST_BYTES;
    if (!isFull && this.#requests > 0) return [];
    this.#waiting = kept;
    for (const { write } of request) this.#rowsInFlight.add(rowKeyText(write.key));
    return request;
  }

  async #run(request: readonly PendingWrite[]): Promise<void> {
    this.#requests++;
    try {
      const outcomes = await this.#sink.send(request.map(({ write }) => write));
      for (const [index, { line }] of request.entries()) {
        this.#sink.decided(line, outcomes[index] as WriteOutcome);
      }
    } catch (error) {
      this.#sink.failed(error);
    }
    this.#requests--;
    for (const { write, bytes } of request) {
      this.#rowsInFlight.delete(rowKeyText(write.key));
      this.#release(bytes);
    }
    this.send();
    const wakeUps = this.#wakeUps;
    this.#wakeUps = [];
    for (const wakeUp of wakeUps) wakeUp();
  }

  #release(bytes: number): void {
    this.#writes--;
    this.#bytes -= bytes;
  }
}
