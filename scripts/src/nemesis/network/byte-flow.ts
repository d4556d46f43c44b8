/**
 * One direction of a proxied connection: takes what arrives at one socket and gives it to the other, as its passage
 * allows.
 *
 * F1. The sink gets an exact prefix of what the source sent, or is reset: bytes that were lost are never followed by
 *     later ones.
 * F2. What waits here is bounded: beyond the limit the source is not read.
 * F3. The end of the stream is news like any other: what does not let bytes through keeps it, too.
 * F4. Bytes for who is gone reset their source, once they got there.
 */
import type { Socket } from "node:net";
import { breakOff } from "./break-off.ts";
import type { Passage } from "./passage.ts";

const WAITING_BYTES_MAX = 1024 * 1024;

type News = { readonly bytes: Buffer | "end"; readonly dueMs: number };

export class ByteFlow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #waiting: News[] = [];
  #waitingBytes = 0;
  #passage: Passage;
  #hasLost = false;
  #sinkIsFull = false;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(source: Socket, sink: Socket, passage: Passage) {
    this.#source = source;
    this.#sink = sink;
    this.#passage = passage;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.on("end", () => this.#take("end"));
    source.on("close", (failed) => {
      if (failed) this.#take("end");
    });
    sink.on("drain", () => {
      this.#sinkIsFull = false;
      this.#give();
    });
    sink.on("close", () => this.#stop());
    source.resume();
  }

  /** False: the connection is of no use any more (F1). */
  pass(passage: Passage): boolean {
    this.#passage = passage;
    if (passage.kind !== "lost" && this.#hasLost) return false;
    this.#give();
    return true;
  }

  #take(bytes: Buffer | "end"): void {
    if (this.#passage.kind === "lost") {
      this.#hasLost = true;
      return;
    }
    if (this.#sink.destroyed && this.#passage.kind !== "held") {
      breakOff(this.#source);
      return;
    }
    this.#waiting.push({ bytes, dueMs: this.#dueMs(bytes) });
    if (bytes !== "end") this.#waitingBytes += bytes.length;
    this.#give();
  }

  /** Bytes follow one another at the passage's rate, each `delayMs` after it left. */
  #dueMs(bytes: Buffer | "end"): number {
    const nowMs = performance.now();
    if (this.#passage.kind !== "slow") return nowMs;
    const { delayMs, bytesPerSecond } = this.#passage;
    const tookMs = bytes === "end" ? 0 : (bytes.length * 1000) / bytesPerSecond;
    this.#lastDueMs = Math.max(nowMs + delayMs, this.#lastDueMs) + tookMs;
    return this.#lastDueMs;
  }

  #give(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#mayGive()) {
      const { bytes } = this.#waiting.shift() as News;
      if (bytes === "end") {
        this.#sink.end();
      } else {
        this.#waitingBytes -= bytes.length;
        this.#sinkIsFull = !this.#sink.write(bytes);
      }
    }
    if (this.#sinkIsFull || this.#waitingBytes > WAITING_BYTES_MAX) this.#source.pause();
    else this.#source.resume();
  }

  #mayGive(): boolean {
    const next = this.#waiting[0];
    if (next === undefined || this.#sinkIsFull || this.#sink.destroyed) return false;
    if (this.#passage.kind === "held" || this.#passage.kind === "lost") return false;
    if (this.#passage.kind === "open") return true;
    const waitMs = next.dueMs - performance.now();
    if (waitMs <= 0) return true;
    this.#timer = setTimeout(() => this.#give(), Math.ceil(waitMs));
    return false;
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#source.resume();
  }
}
