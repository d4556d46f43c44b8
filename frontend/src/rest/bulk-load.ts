/**
 * A load: NDJSON in, NDJSON out, of any length (docs/REST_API.md).
 *
 * K1. Lines are read only while the window has room; memory does not grow with the load.
 * K2. Success is `failed: 0` in the last line; a report without a last line was cut.
 * K3. What the client still sends after the load has failed is read and dropped, so that it gets to
 *     read why.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { parseBareRow, parseOperation } from "./batch-operation.ts";
import type { Operation } from "./batch-operation.ts";
import { drained } from "./drain.ts";
import { LoadReport } from "./load-report.ts";
import { LoadWindow } from "./load-window.ts";
import { parseLoadLine } from "./load-line.ts";
import type { LoadLine } from "./load-line.ts";
import { lineBatches } from "./ndjson-in.ts";
import { expectedError, writeError } from "./problem-json.ts";
import type { CallLimits } from "../operations.ts";
import { RequestLimits } from "./request-limits.ts";
import type { RestContext } from "./rest-context.ts";
import { TurnTaker } from "./turn-taker.ts";

export interface LoadOptions {
  readonly table: string;
  /** Line i (from 0) uses `<key>/<i>`. */
  readonly idempotencyKey: string | null;
  readonly maxFailures: number;
  /** Bounds each request to the tablets. */
  readonly timeoutMs: number;
}

export async function loadRows(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
  options: LoadOptions,
): Promise<void> {
  const load = new Load(context, reply, options);
  const { report } = load;
  try {
    await load.run(request);
    report.end();
  } catch (error) {
    const body = expectedError(error);
    report.abandon();
    if (body === null || load.isRefused) throw error;
    report.fail(body, drained(request.raw, context.clock, Infinity));
  }
}

class Load {
  readonly report: LoadReport;
  readonly #context: RestContext;
  readonly #options: LoadOptions;
  readonly #client: RequestLimits;
  readonly #window: LoadWindow;
  readonly #turns: TurnTaker;
  #line = 0;
  /** Rows and operations since the last `end` line. */
  #rowsSeen = 0;
  #hasWritten = false;
  #failure: { readonly kind: "refusal" | "load"; readonly error: unknown } | null = null;

  constructor(context: RestContext, reply: FastifyReply, options: LoadOptions) {
    const { clock, rows } = context;
    this.#context = context;
    this.#options = options;
    this.report = new LoadReport(clock, context.replies, reply);
    this.#turns = new TurnTaker(clock);
    this.#client = new RequestLimits(reply.raw, 0);
    this.#window = new LoadWindow({
      send: async (writes) => {
        return (await rows.writeMany(options.table, writes, this.#limits())).outcomes;
      },
      decided: (line, outcome) => {
        if (outcome.kind === "done") this.report.lineDone(line);
        else this.#failLine(line, writeError(outcome.error));
      },
      failed: (error) => {
        this.#failure ??= { kind: "refusal", error };
      },
    });
  }

  /** The tablets took nothing, and nothing was answered: the load is refused as one call. */
  get isRefused(): boolean {
    return this.#failure?.kind === "refusal" && !this.report.hasBegun && this.report.ok === 0;
  }

  /** Settles when every line is decided; throws what the load failed with. */
  async run(request: FastifyRequest): Promise<void> {
    try {
      for await (const lines of lineBatches(request.raw, this.#context.clock)) {
        for (const line of lines) {
          this.#take(line);
          if (this.#window.isFull || this.#turns.isDue) await this.#pause();
        }
        this.#window.send();
        this.#throwFailure();
      }
      if (!this.#hasWritten) await this.#checkTable();
    } catch (error) {
      this.#failure ??= { kind: "load", error };
      this.#window.abandonWaiting();
    }
    this.#window.send();
    while (!this.#window.isEmpty) await this.#window.change();
    this.#throwFailure();
  }

  /** Where no write told whether the table exists. */
  async #checkTable(): Promise<void> {
    try {
      await this.#context.tables.describe(this.#options.table, this.#limits());
    } catch (error) {
      this.#failure = { kind: "refusal", error };
    }
  }

  #limits(): CallLimits {
    return this.#client.until(this.#context.clock.monotonicMs() + this.#options.timeoutMs);
  }

  #take(bytes: Buffer): void {
    this.#line++;
    this.#consider(parseLoadLine(bytes), bytes.length);
    this.#throwFailure();
  }

  /** Until there is room for more, and others had their turn. */
  async #pause(): Promise<void> {
    await this.#turns.take();
    while (this.#window.isFull) {
      this.#window.send();
      await this.#window.change();
      this.#throwFailure();
    }
  }

  #consider(line: LoadLine, bytes: number): void {
    switch (line.kind) {
      case "blank":
      case "progress":
        this.report.lineSkipped(this.#line);
        return;
      case "end":
        this.report.lineSkipped(this.#line);
        this.#checkEnd(line.rows);
        return;
      case "error":
        throw notLoadable(`line ${this.#line}: the rows come from a stream that ended in an error`);
      case "malformed":
        this.#rowsSeen++;
        this.#failLine(this.#line, line.error);
        return;
      case "row":
        this.#addOperation(parseBareRow(line.row, null, this.#idempotencyKey()), bytes);
        return;
      case "operation":
        this.#addOperation(parseOperation(line.value, null, this.#idempotencyKey()), bytes);
    }
  }

  #addOperation(operation: Operation, bytes: number): void {
    this.#rowsSeen++;
    if (operation.kind === "refused") this.#failLine(this.#line, operation.error);
    else {
      this.#hasWritten = true;
      this.#window.add({ line: this.#line, write: operation.write, bytes });
    }
  }

  #idempotencyKey(): string | null {
    const { idempotencyKey } = this.#options;
    return idempotencyKey === null ? null : `${idempotencyKey}/${this.#line - 1}`;
  }

  #checkEnd(rows: number): void {
    const seen = this.#rowsSeen;
    this.#rowsSeen = 0;
    if (rows === seen) return;
    throw notLoadable(`line ${this.#line}: the end says ${rows} rows, ${seen} were seen`);
  }

  #failLine(line: number, error: DatabaseErrorBody): void {
    this.report.lineFailed(line, error);
    const { maxFailures } = this.#options;
    if (this.report.failed < maxFailures) return;
    const detail = `${maxFailures} lines failed`;
    this.#failure ??= {
      kind: "load",
      error: new DatabaseError({ code: "TOO_MANY_FAILURES", detail }),
    };
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}

function notLoadable(detail: string): DatabaseError {
  return new DatabaseError({ code: "INVALID_REQUEST", detail });
}
