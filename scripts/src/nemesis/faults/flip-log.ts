/**
 * Flipped bits in the commit log of a tablet server that is down.
 *
 * L1. Never in the end of the log: there damage cannot be told from a write that power loss tore, and what is lost
 *     with it is beyond what a log can prove (docs/STORAGE_FORMAT.md, "Recovery").
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Nemesis } from "./fault.ts";
import { flipBit, usedBytes } from "./flipped-bits.ts";

/** L1: more than any batch that the workloads write. */
const SPARED_BYTES = 128 * 1024;
/** Fractions are drawn in parts of it. */
const PARTS = 1_000_000;

export const flipLog: Nemesis = {
  kind: "flip-log",
  strikes: "processes",
  damages: true,
  draw(draws, { tabletServers }) {
    const victim = draws.of(tabletServers);
    const flips = Array.from({ length: 1 + draws.below(4) }, () => ({
      at: draws.below(PARTS) / PARTS,
      bit: draws.below(8),
    }));
    return {
      kind: "flip-log",
      text: `flip ${flips.length} bits in the commit log of ${victim}`,
      victims: [victim],
      holdMs: 0,
      inflict: async ({ victims, note }) => {
        await victims.kill(victim);
        const segments = segmentsOf(join(victims.dataDirOf(victim), "commit-log"));
        for (const { at, bit } of flips) {
          const place = placeIn(segments, at);
          if (place === null) {
            note(`the log of ${victim} is too short to be damaged`);
            return;
          }
          flipBit({ ...place, bit });
          note(`flipped bit ${bit} of byte ${place.offset} of ${place.path}`);
        }
      },
      heal: async (scene) => {
        await scene.victims.relaunch(victim);
        await scene.untilVerified();
      },
    };
  },
};

interface Segment {
  readonly path: string;
  readonly bytes: number;
}

function segmentsOf(folder: string): Segment[] {
  return readdirSync(folder)
    .filter((name) => /^segment-\d+\.log$/.test(name))
    .toSorted()
    .map((name) => ({ path: join(folder, name), bytes: usedBytes(join(folder, name)) }));
}

/** @param at of the whole log, in [0, 1) */
function placeIn(
  segments: readonly Segment[],
  at: number,
): { readonly path: string; readonly offset: number } | null {
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0) - SPARED_BYTES;
  if (total <= 0) return null;
  let offset = Math.floor(at * total);
  for (const { path, bytes } of segments) {
    if (offset < bytes) return { path, offset };
    offset -= bytes;
  }
  return null;
}
