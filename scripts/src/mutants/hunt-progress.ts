/** How far the hunts are, for people: whose turn each line is, and a line every ten seconds about all of them. */
import { PROGRESS_LINE_EVERY_MS } from "../cli/progress-bar.ts";
import type { SeedRange } from "./hunt/hunt.ts";

export interface HuntProgressParts {
  /** Hunts in all. */
  readonly count: number;
  readonly range: SeedRange;
  readonly tell: (line: string) => void;
}

/** One hunt; several are under way at a time, so every line names its own. */
export interface ToldHunt {
  readonly tell: (text: string) => void;
  readonly trying: (seed: number) => void;
  readonly end: () => void;
}

export class HuntProgress {
  readonly #parts: HuntProgressParts;
  /** Those under way: the seed of each. */
  readonly #seeds = new Map<string, number>();
  #begun = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: HuntProgressParts) {
    this.#parts = parts;
    const tell = (): void => {
      if (this.#seeds.size > 0) parts.tell(this.text());
    };
    this.#timer = setInterval(tell, PROGRESS_LINE_EVERY_MS);
  }

  begin(): ToldHunt {
    const { count, range, tell } = this.#parts;
    const label = `[${++this.#begun}/${count}]`;
    this.#seeds.set(label, range.from);
    return {
      tell: (text) => tell(`${label} ${text}`),
      trying: (seed) => void this.#seeds.set(label, seed),
      end: () => void this.#seeds.delete(label),
    };
  }

  text(): string {
    const { count, range } = this.#parts;
    const hunts = [...this.#seeds].map(([label, seed]) => `${label} at seed ${seed}`);
    const done = this.#begun - this.#seeds.size;
    const last = range.from + range.seeds - 1;
    return `mutants: ${done} of ${count} done, ${hunts.join(", ")} of ${range.from} to ${last}`;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
