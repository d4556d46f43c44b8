// Sends the lines of an input to POST rows:batch and follows what the server decides.
//
// U1. One request at a time. It carries lines while there are any; its answer tells, line by line,
//     what failed and how far all is decided.
// U2. A request that is cut, or that meets a failure that may pass, is followed by another one that
//     begins with the first undecided line. Without a newly decided line for `retryForMs`, the import
//     gives up.
// U3. Lines are reported decided in order, each exactly once.
import { setTimeout as sleep } from "node:timers/promises";
import { CliError, EXIT } from "../cli-error.ts";
import { isRetryable, isRetryableStatus, ProblemError } from "../problem.ts";
import type { Problem } from "../problem.ts";
import type { RestClient } from "../rest-client.ts";
import { tablePath } from "../rest-path.ts";
import { ImportWindow } from "./import-window.ts";
import type { InputLine, PendingLine, WindowLimits } from "./import-window.ts";

export interface UploadOptions {
  readonly client: RestClient;
  readonly table: string;
  readonly source: AsyncGenerator<readonly InputLine[]>;
  /** Where the lines come from, for --curl. */
  readonly file: string;
  readonly retryForMs: number;
  readonly maxFailures: number | undefined;
  readonly interrupt: AbortSignal;
  readonly onDecided: (lines: readonly PendingLine[]) => void;
  readonly tell: (line: string) => void;
}

const LIMITS: WindowLimits = { maxLines: 200_000, maxBytes: 64 * 1024 * 1024 };
const CHUNK_BYTES = 64 * 1024;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2000;
/** Until the server begins its answer; it does as soon as it reads. */
const ANSWER_MS = 60_000;

type AnswerLine =
  | {
      readonly line: number;
      readonly status: number;
      readonly code?: string;
      readonly detail?: string;
    }
  | { readonly progress: { readonly lines: number } }
  | { readonly end: { readonly ok: number; readonly failed: number } }
  /** `lines`: those up to it are decided. */
  | { readonly error: Problem & { readonly lines?: number } };

export class ImportUpload {
  readonly #options: UploadOptions;
  readonly #window = new ImportWindow(LIMITS);
  #sourceEnded = false;
  /** The request whose lines may be taken: one at a time. */
  #request = 0;
  #wake: (() => void) | null = null;
  #lastDecidedMs = performance.now();
  #sourceError: Error | null = null;
  /** The failure that may pass, if the present request has met one. */
  #held: CliError | null = null;

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /** Resolves when every line is decided. */
  async run(): Promise<void> {
    const { retryForMs, interrupt, tell } = this.#options;
    let backoffMs = BACKOFF_MIN_MS;
    let told = "";
    for (;;) {
      const beganMs = performance.now();
      const failure = await this.#oneRequest();
      if (this.#sourceError !== null) throw this.#sourceError;
      if (failure === null) return;
      if (interrupt.aborted) throw new CliError(EXIT.interrupted, "interrupted");
      if (!isRetryable(failure)) throw failure;
      if (this.#lastDecidedMs > beganMs) backoffMs = BACKOFF_MIN_MS;
      if (performance.now() - this.#lastDecidedMs > retryForMs) throw failure;
      if (failure.message !== told) tell(`${failure.message}; trying again`);
      told = this.#lastDecidedMs > beganMs ? "" : failure.message;
      await sleep(backoffMs, undefined, { signal: interrupt }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
  }

  /** Null: everything is decided. Otherwise why the rest is not. */
  async #oneRequest(): Promise<CliError | null> {
    const { client, table, file, maxFailures } = this.#options;
    this.#window.beginRequest();
    this.#held = null;
    const request = ++this.#request;
    try {
      const stream = await client.stream({
        method: "POST",
        path: tablePath(table, "/rows:batch"),
        query: { maxFailures: maxFailures === undefined ? undefined : String(maxFailures) },
        body: { kind: "lines", lines: this.#body(request), file },
        timeoutMs: ANSWER_MS,
      });
      for await (const lines of stream.lines) {
        for (const line of lines) {
          const outcome = this.#take(JSON.parse(line.toString("utf8")) as AnswerLine);
          if (outcome !== "goes on") return outcome;
        }
      }
    } catch (error) {
      if (error instanceof CliError) return error;
      throw error;
    } finally {
      // Whatever still feeds the old request stops.
      this.#request++;
      this.#wakeBody();
    }
    return new CliError(EXIT.unreachable, "the connection was cut");
  }

  #take(answer: AnswerLine): "goes on" | CliError | null {
    if ("line" in answer) {
      const { line, status, code = String(status), detail = "" } = answer;
      if (isRetryableStatus(status)) {
        this.#window.hold(line);
        this.#held = new ProblemError({ status, code, detail, retryable: true });
        this.#wakeBody();
      } else this.#window.fail(line, { status, code, detail });
      return "goes on";
    }
    if ("progress" in answer) {
      this.#decide(answer.progress.lines);
      return "goes on";
    }
    if ("error" in answer) {
      this.#decide(Math.min(answer.error.lines ?? 0, this.#window.requestLines));
      return new ProblemError(answer.error);
    }
    return this.#finish(answer.end);
  }

  #finish({ ok, failed }: { readonly ok: number; readonly failed: number }): CliError | null {
    const sent = this.#window.requestLines;
    if (ok + failed !== sent) {
      const detail = `the server counted ${ok + failed} lines, but ${sent} were sent`;
      return new CliError(EXIT.partial, detail);
    }
    this.#decide(sent);
    return this.#held;
  }

  #decide(requestLine: number): void {
    const decided = this.#window.decideThrough(requestLine);
    if (decided.length === 0) return;
    this.#lastDecidedMs = performance.now();
    this.#options.onDecided(decided);
    this.#wakeBody();
  }

  /** The lines of one request, in chunks. */
  async *#body(request: number): AsyncGenerator<Buffer> {
    while (request === this.#request && !this.#window.isHeld) {
      if (this.#window.hasUnsent) {
        const chunk = this.#window.takeUnsent(CHUNK_BYTES);
        if (chunk.length > 0) yield chunk;
      } else if (this.#sourceEnded) {
        return;
      } else if (this.#window.isFull) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      } else {
        await this.#read();
      }
    }
  }

  async #read(): Promise<void> {
    try {
      const next = await this.#options.source.next();
      if (next.done === true) this.#sourceEnded = true;
      else for (const line of next.value) this.#window.add(line);
    } catch (error) {
      this.#sourceEnded = true;
      this.#sourceError = error as Error;
    }
  }

  #wakeBody(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
