/**
 * The answer of a load: a line for each failure, progress each second, and one last line. Written as it
 * comes, whether or not the client reads: what it may hold is bounded by `maxFailures`, so a client that
 * writes before it reads never blocks.
 */
import type { FastifyReply } from "fastify";
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { NDJSON_TYPE } from "./media-types.ts";
import { operationProblem, problemOf } from "./problem-json.ts";
import type { ReplyWriter } from "./reply-writer.ts";

const PROGRESS_MS = 1000;
/** Details may quote input: a report does not. */
const DETAIL_CHARACTERS = 500;

export class LoadReport {
  ok = 0;
  failed = 0;
  readonly #reply: FastifyReply;
  readonly #replies: ReplyWriter;
  readonly #clock: Clock;
  /** Every line up to it is decided. */
  #decidedUpTo = 0;
  readonly #decidedBeyond = new Set<number>();
  #hasBegun = false;
  #cancelProgress: CancelTimer;

  constructor(clock: Clock, replies: ReplyWriter, reply: FastifyReply) {
    this.#clock = clock;
    this.#replies = replies;
    this.#reply = reply;
    this.#cancelProgress = clock.after(PROGRESS_MS, () => this.#progress());
  }

  /** Nothing was sent yet: the load may still be refused as a whole. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  lineDone(line: number): void {
    this.ok++;
    this.#decide(line);
  }

  lineFailed(line: number, error: DatabaseErrorBody): void {
    this.failed++;
    this.#decide(line);
    const detail = error.detail.slice(0, DETAIL_CHARACTERS);
    const problem = operationProblem({ ...error, detail, errors: error.errors?.slice(0, 1) });
    this.#write({ line, ...problem });
  }

  /** A line that is no write: blank, or control. */
  lineSkipped(line: number): void {
    this.#decide(line);
  }

  end(): void {
    const { ok, failed } = this;
    this.#cancelProgress();
    this.#write({ end: { ok, failed } });
    this.#reply.raw.end();
  }

  /** Ends once `drained` resolves: the client may still be writing. */
  fail(error: DatabaseErrorBody, drained: Promise<void>): void {
    const { ok, failed } = this;
    const problem = problemOf(error, this.#reply.request.id);
    this.#cancelProgress();
    this.#write({ error: { ...problem, ok, failed, lines: this.#decidedUpTo } });
    void drained.then(() => this.#reply.raw.end());
  }

  /** Ends the report without a last line: another reply takes its place, or nobody listens. */
  abandon(): void {
    this.#cancelProgress();
  }

  #decide(line: number): void {
    this.#decidedBeyond.add(line);
    while (this.#decidedBeyond.delete(this.#decidedUpTo + 1)) this.#decidedUpTo++;
  }

  #progress(): void {
    this.#cancelProgress = this.#clock.after(PROGRESS_MS, () => this.#progress());
    if (!this.#reply.raw.writableNeedDrain) this.#write({ progress: { lines: this.#decidedUpTo } });
  }

  #write(line: object): void {
    if (this.#reply.raw.destroyed) return;
    if (!this.#hasBegun) this.#begin();
    this.#reply.raw.write(`${JSON.stringify(line)}\n`);
  }

  #begin(): void {
    this.#hasBegun = true;
    this.#replies.begin(this.#reply, 200, NDJSON_TYPE);
  }
}
