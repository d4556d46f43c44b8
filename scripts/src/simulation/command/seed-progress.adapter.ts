/** How far a range of seeds is: a bar on a terminal, else a line every ten seconds. */
import cliProgress from "cli-progress";
import { PROGRESS_BAR, PROGRESS_LINE_EVERY_MS } from "../../cli/progress-bar.ts";
import type { RunFigures } from "./run-figures.ts";

export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export class SeedProgress {
  readonly #output: ProgressOutput;
  readonly #total: number;
  readonly #bar: cliProgress.SingleBar | null;
  #toldMs = performance.now();

  constructor(output: ProgressOutput, total: number) {
    this.#output = output;
    this.#total = total;
    this.#bar = output.isTTY === true ? newBar(output) : null;
    this.#bar?.start(total, 0, { text: "" });
  }

  /** @param doing what it does instead of running new seeds */
  advance(figures: RunFigures, doing: string | null): void {
    const { failures, seeds } = figures;
    const { simulatedHoursPerHour } = figures.view();
    const failed = failures === 0 ? "" : `, ${failures} failed`;
    const text = doing ?? `${simulatedHoursPerHour} simulated hours per hour${failed}`;
    this.#bar?.update(seeds, { text });
    if (this.#bar !== null || performance.now() - this.#toldMs < PROGRESS_LINE_EVERY_MS) return;
    this.#toldMs = performance.now();
    this.#output.write(`simulate: ${seeds} of ${this.#total} seeds, ${text}\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }
}

function newBar(output: ProgressOutput): cliProgress.SingleBar {
  return new cliProgress.SingleBar({
    stream: output as NodeJS.WriteStream,
    format: "{bar} {value}/{total} seeds, {eta_formatted} left, {text}",
    ...PROGRESS_BAR,
  });
}
