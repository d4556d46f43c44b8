/**
 * How long the operations of the store's twin take. LevelDB answers from other threads: between asking and the answer
 * lies time in which messages, timers and steps of other disks come.
 */
import type { Random } from "../../random.ts";

export interface StoreLatency {
  /** Of the next operation; 0: it is answered in a later turn of the same moment. */
  nextMs(): number;
  /** Whether the next one that takes time is carried out at its beginning instead of its end. */
  nextIsEarly(): boolean;
}

export const NO_LATENCY: StoreLatency = { nextMs: () => 0, nextIsEarly: () => false };

/** Times are uniform up to their bounds; of a thousand operations, so many are of the longer kinds. */
interface Pace {
  readonly usualMsMax: number;
  readonly long: readonly { readonly perMille: number; readonly msMax: number }[];
}

const PACES = {
  swift: { usualMsMax: 0.05, long: [] },
  usual: {
    usualMsMax: 1,
    long: [
      { perMille: 2, msMax: 120 },
      { perMille: 40, msMax: 5 },
    ],
  },
  slow: {
    usualMsMax: 4,
    long: [
      { perMille: 10, msMax: 250 },
      { perMille: 100, msMax: 25 },
    ],
  },
} as const satisfies Readonly<Record<string, Pace>>;

export type StorePace = keyof typeof PACES;

export const STORE_PACES: readonly StorePace[] = ["swift", "usual", "slow"];

const MICROS = 1000;

export function drawnLatency(pace: StorePace, random: Random): StoreLatency {
  const { usualMsMax, long }: Pace = PACES[pace];
  const uniform = (msMax: number): number => (1 + random.below(msMax * MICROS)) / MICROS;
  return {
    nextMs: () => {
      let drawn = random.below(1000);
      for (const { perMille, msMax } of long) {
        if (drawn < perMille) return uniform(msMax);
        drawn -= perMille;
      }
      return uniform(usualMsMax);
    },
    nextIsEarly: () => random.below(2) === 0,
  };
}
