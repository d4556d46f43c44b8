/** How far a range of seeds is: a bar on a terminal, else a line every ten seconds. */
import cliProgress from "cli-progress";
import { PROGRESS_BAR, PROGRESS_LINE_EVERY_MS } from "../../cli/progress-bar.ts";
import { durationText } from "./duration-text.ts";
import type { RunFigures } from "./run-figures.ts";

export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export class SeedProgress {
  readonly #output: ProgressOutput;
  readonly #total: number;
  readonly #bar: cliProgress.SingleBar | null;
  readonly #exiting = (): void => this.stop();
  #seeds = 0;
  #text = "";
  #toldMs = performance.now();

  constructor(output: ProgressOutput, total: number) {
    this.#output = output;
    this.#total = total;
    this.#bar = output.isTTY === true ? newBar(output) : null;
    // A bar hides the cursor: it has to go however this process exits.
    if (this.#bar !== null) process.on("exit", this.#exiting);
    this.#show();
  }

  /** @param doing what it does instead of running new seeds */
  advance(figures: RunFigures, doing: string | null): void {
    this.#seeds = figures.seeds;
    this.#text = `, ${doing ?? this.#textOf(figures)}`;
    this.#bar?.update(this.#seeds, { text: this.#text });
    if (this.#bar !== null || performance.now() - this.#toldMs < PROGRESS_LINE_EVERY_MS) return;
    this.#toldMs = performance.now();
    this.#output.write(`simulate: ${this.#seeds} of ${this.#total} seeds${this.#text}\n`);
  }

  /** Takes the bar away while `write` writes lines to the same terminal. */
  aside(write: () => void): void {
    this.#bar?.stop();
    write();
    this.#show();
  }

  stop(): void {
    process.off("exit", this.#exiting);
    this.#bar?.stop();
  }

  #show(): void {
    this.#bar?.start(this.#total, this.#seeds, { text: this.#text });
  }

  #textOf(figures: RunFigures): string {
    const { failures, realMs, seeds } = figures;
    const leftMs = (realMs / Math.max(1, seeds)) * (this.#total - seeds);
    const left = seeds === 0 ? [] : [`${durationText(leftMs)} left`];
    const failed = failures === 0 ? [] : [`${failures} failed`];
    return [...left, figures.speed(), ...failed].join(", ");
  }
}

function newBar(output: ProgressOutput): cliProgress.SingleBar {
  return new cliProgress.SingleBar({
    stream: output as NodeJS.WriteStream,
    format: "{bar} {value}/{total} seeds{text}",
    ...PROGRESS_BAR,
  });
}
