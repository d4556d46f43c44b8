// The lines that were read and are not decided yet: sent or still to be sent.
//
// W1. Lines leave in order, once the server has decided them and everything before them. Until then
//     they are kept, so that a new request can send them again.
// W2. A line whose failure may pass holds back itself and everything behind it: on one row, order
//     counts. They are sent again by the next request.
// W3. At most `maxLines` lines and, but for one line, `maxBytes` bytes are kept.
import { assert } from "@stele/shared/assert.ts";

export interface LineFailure {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/** A line as the input gives it. */
export type InputLine = Omit<PendingLine, "requestLine">;

export interface PendingLine {
  /** In the input, from 1. */
  readonly number: number;
  /** The first byte behind it in the input. */
  readonly endOffset: number;
  /** Rows up to it, since the last `end` line. */
  readonly rows: number;
  /** As sent, without newline; null: the line never leaves, see `failure`. */
  readonly bytes: Buffer | null;
  /** As read. */
  readonly input: Buffer;
  failure: LineFailure | null;
  /** Its number in the present request, or that of the line before it; 0: none. */
  requestLine: number;
}

export interface WindowLimits {
  readonly maxLines: number;
  readonly maxBytes: number;
}

const NEWLINE = Buffer.from("\n");

export class ImportWindow {
  readonly #limits: WindowLimits;
  #lines: PendingLine[] = [];
  #bytes = 0;
  /** Index of the first line that this request has not sent. */
  #unsent = 0;
  #requestLines = 0;
  /** W2: lines of the request from this one on cannot be decided by it. */
  #heldFrom = Infinity;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#lines.length >= this.#limits.maxLines || this.#bytes >= this.#limits.maxBytes;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  get hasUnsent(): boolean {
    return this.#unsent < this.#lines.length;
  }

  /** Lines that the present request has sent. */
  get requestLines(): number {
    return this.#requestLines;
  }

  /** Whether a failure that may pass ended what this request can do. */
  get isHeld(): boolean {
    return this.#heldFrom !== Infinity;
  }

  add(line: InputLine): void {
    this.#lines.push({ ...line, requestLine: 0 });
    this.#bytes += line.input.length;
  }

  /** Everything undecided is to be sent again. */
  beginRequest(): void {
    this.#unsent = 0;
    this.#requestLines = 0;
    this.#heldFrom = Infinity;
  }

  /** About `bytes` bytes of whole lines, newlines included; empty if there is nothing to send. */
  takeUnsent(bytes: number): Buffer {
    const parts: Buffer[] = [];
    let taken = 0;
    while (this.hasUnsent && taken < bytes) {
      const line = this.#lines[this.#unsent++] as PendingLine;
      if (line.bytes !== null) {
        line.failure = null;
        this.#requestLines++;
        parts.push(line.bytes, NEWLINE);
        taken += line.bytes.length + 1;
      }
      line.requestLine = this.#requestLines;
    }
    return Buffer.concat(parts);
  }

  fail(requestLine: number, failure: LineFailure): void {
    const line = this.#lines[this.#indexOf(requestLine)];
    assert(line?.requestLine === requestLine, `no line ${requestLine} is in flight`);
    line.failure = failure;
  }

  /** W2. */
  hold(requestLine: number): void {
    this.#heldFrom = Math.min(this.#heldFrom, requestLine);
  }

  /** The lines that are decided now that the request's first `requestLine` lines are. */
  decideThrough(requestLine: number): readonly PendingLine[] {
    assert(requestLine <= this.#requestLines, `line ${requestLine} was never sent`);
    const through = Math.min(requestLine, this.#heldFrom - 1);
    let count = 0;
    while (count < this.#unsent && (this.#lines[count] as PendingLine).requestLine <= through) {
      count++;
    }
    const decided = this.#lines.slice(0, count);
    this.#lines = this.#lines.slice(count);
    this.#unsent -= count;
    for (const line of decided) this.#bytes -= line.input.length;
    return decided;
  }

  /** The first line in flight with at least this number. */
  #indexOf(requestLine: number): number {
    let low = 0;
    let high = this.#unsent;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lines[middle] as PendingLine).requestLine < requestLine) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
