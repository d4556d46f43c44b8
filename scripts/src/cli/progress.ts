// How far a long command is: a bar on a terminal, else a line every ten seconds.
import type { SingleBar } from "cli-progress";
import type { Output } from "./context.ts";
import { counted } from "./counted.ts";
import { PROGRESS_BAR, PROGRESS_LINE_EVERY_MS } from "./progress-bar.ts";

export interface Advance {
  readonly rows: number;
  /** Of the input or output, the same bytes as `totalBytes` counts. */
  readonly bytes: number;
  readonly failed: number;
}

export interface ProgressOptions {
  readonly stderr: Output;
  /** False with --quiet, or where the data itself goes to the terminal. */
  readonly shown: boolean;
  /** "imported", "exported". */
  readonly verb: string;
  /** Undefined: nobody knows how much there is. */
  readonly totalBytes: number | undefined;
  /** Bytes done by an earlier run. */
  readonly startBytes?: number;
}

const DRAWS_PER_SECOND = 5;

export class Progress {
  readonly #options: ProgressOptions;
  readonly #startedMs = performance.now();
  readonly #bar: SingleBar | null;
  readonly #timer: NodeJS.Timeout | null;
  #now: Advance = { rows: 0, bytes: 0, failed: 0 };

  private constructor(options: ProgressOptions, bar: SingleBar | null) {
    this.#options = options;
    this.#bar = bar;
    const tellsLines = options.shown && bar === null;
    this.#timer = tellsLines
      ? setInterval(() => this.#tell(), PROGRESS_LINE_EVERY_MS).unref()
      : null;
  }

  static async start(options: ProgressOptions): Promise<Progress> {
    const { shown, stderr, totalBytes } = options;
    if (!shown || stderr.isTTY !== true) return new Progress(options, null);
    const { default: cliProgress } = await import("cli-progress");
    const known = totalBytes !== undefined;
    const format = known ? "{bar} {percentage}%  {text}  {left} left" : "{text}";
    const bar = new cliProgress.SingleBar({
      stream: stderr as unknown as NodeJS.WriteStream,
      format,
      fps: DRAWS_PER_SECOND,
      ...PROGRESS_BAR,
    });
    bar.start(totalBytes ?? 0, options.startBytes ?? 0, { text: "", left: "?" });
    return new Progress(options, bar);
  }

  advance(now: Advance): void {
    this.#now = now;
    this.#bar?.update(Math.min(now.bytes, this.#options.totalBytes ?? now.bytes), {
      text: this.#text(),
      left: this.#left(),
    });
  }

  /** Clears the bar, so that the next line stands alone. */
  stop(): void {
    this.#bar?.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** "12 345 rows, 3.2 MB/s, 2 failed" */
  #text(): string {
    const { rows, failed } = this.#now;
    const rate = `${(this.#bytesPerMs() / 1000).toFixed(1)} MB/s`;
    return [counted(rows, "row"), rate, ...(failed > 0 ? [`${failed} failed`] : [])].join(", ");
  }

  #left(): string {
    const { totalBytes } = this.#options;
    const rate = this.#bytesPerMs();
    if (totalBytes === undefined || rate === 0) return "?";
    return durationText(Math.max(0, totalBytes - this.#now.bytes) / rate);
  }

  #bytesPerMs(): number {
    const elapsedMs = performance.now() - this.#startedMs;
    const bytes = this.#now.bytes - (this.#options.startBytes ?? 0);
    return elapsedMs < 100 ? 0 : Math.max(0, bytes) / elapsedMs;
  }

  #tell(): void {
    const { stderr, verb, totalBytes } = this.#options;
    const left = totalBytes === undefined ? "" : `, ${this.#left()} left`;
    stderr.write(`stele: ${verb} ${this.#text()}${left}\n`);
  }
}

export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
