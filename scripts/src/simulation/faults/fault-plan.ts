/**
 * The faults of one run, drawn from its seed. After Groce et al., "Swarm Testing" (ISSTA 2012): each run leaves out a
 * random half of the families of faults and weighs the others at random, so that runs differ far more than if each
 * mixed all of everything; some run calm, some hostile.
 */
import type { Random } from "@stele/shared/random.ts";
import { Draws } from "@stele/shared/testing/draws.ts";
import { damages, fullDisks, logDiskFaults, stalls, storeFaults, wipes } from "./disk-draws.ts";
import type { Body, Drawing, FaultShape } from "./drawing.ts";
import type { Fault, FaultKind } from "./fault.ts";
import { lateCreations, moves } from "./group-draws.ts";
import { networks, partitions } from "./network-draws.ts";
import {
  crashes,
  crashesAtDiskStep,
  crashesInState,
  drifts,
  frontendCrashes,
  pauses,
  powerLostEverywhere,
  wallJumps,
} from "./process-draws.ts";
import { SCENARIO_FAMILIES, SCENARIO_KINDS } from "./scenario-draws.ts";

const MOST_FAULTS = 40;

/** What the swarm leaves out or takes in: kinds that belong together come together. */
const FAMILIES = {
  crash: crashes,
  "crash at a disk's step": crashesAtDiskStep,
  "crash in a state": crashesInState,
  "crash of a front-end": frontendCrashes,
  "power lost everywhere": powerLostEverywhere,
  pause: pauses,
  partition: partitions,
  network: networks,
  "log disk": logDiskFaults,
  "disk full": fullDisks,
  stall: stalls,
  "store disk": storeFaults,
  damage: damages,
  wipe: wipes,
  drift: drifts,
  "wall clock": wallJumps,
  leadership: moves,
  "late creation": lateCreations,
  ...SCENARIO_FAMILIES,
} as const satisfies Record<string, (drawing: Drawing) => Body>;

type Family = keyof typeof FAMILIES;

const ALL_FAMILIES = Object.keys(FAMILIES) as readonly Family[];

/** Their kinds, for whoever wants to know that a plan can draw them all. */
export const PLANNED_KINDS: readonly FaultKind[] = [
  "crash",
  "power-lost-everywhere",
  "pause",
  "slow-process",
  "cut",
  "ring",
  "isolated",
  "worse-network",
  "log-step-fails",
  "log-disk-full",
  "log-disk-stalls",
  "store-write-fails",
  "store-stalls",
  "bit-flipped-in-log",
  "sector-misplaced-in-log",
  "bit-flipped-in-store",
  "disk-wiped",
  "clock-drifts",
  "wall-clock-jumps",
  "leadership-moved",
  "creation-comes-late",
  ...SCENARIO_KINDS,
];

/** In order of their times, with ids in that order. */
export function drawFaults(random: Random, shape: FaultShape): Fault[] {
  const draws = new Draws(random);
  const { masters, tabletServers, frontends, durationMs } = shape;
  const drawing = { draws, shape, names: [...masters, ...tabletServers, ...frontends] };
  const swarm = drawSwarm(draws);
  const count = swarm.length === 0 ? 0 : drawCount(draws);
  const bursts = draws.oneIn(3)
    ? Array.from({ length: draws.between(1, 3) }, () => draws.below(durationMs))
    : [];
  const drawn: Omit<Fault, "id">[] = [];
  for (let nth = 0; nth < count; nth++) {
    const family = draws.weighted(swarm);
    // What is repaired within the phase meets the other faults while it is.
    const isEarly = (family === "wipe" || family === "damage") && draws.oneIn(2);
    const withinMs = isEarly ? Math.ceil(durationMs / 4) : durationMs;
    drawn.push({ atMs: drawTime(draws, withinMs, bursts), ...FAMILIES[family](drawing) });
  }
  drawn.sort((a, b) => a.atMs - b.atMs);
  return drawn.map((fault, at) => ({ id: at + 1, ...fault }));
}

/** Who takes part, and with which weight. */
function drawSwarm(draws: Draws): (readonly [Family, number])[] {
  const chosen = new Set(ALL_FAMILIES.filter(() => draws.oneIn(2)));
  // Replicas wait for snapshots and groups change their members where servers lose their disks.
  if (chosen.has("crash in a state")) chosen.add("wipe");
  return [...chosen].map((family) => {
    const weight = draws.between(1, 4);
    return [family, family.startsWith("crash") || family === "damage" ? 2 * weight : weight];
  });
}

function drawCount(draws: Draws): number {
  switch (draws.below(8)) {
    case 0:
      return 0;
    case 1:
    case 2:
      return draws.between(1, 6);
    case 3:
    case 4:
    case 5:
      return draws.between(6, 18);
    default:
      return draws.between(18, MOST_FAULTS);
  }
}

/** Faults that meet each other find more than those that come alone: in some runs they come in bursts. */
function drawTime(draws: Draws, withinMs: number, bursts: readonly number[]): number {
  if (bursts.length === 0 || draws.oneIn(4)) return draws.below(withinMs);
  return Math.min(withinMs - 1, draws.of(bursts) + draws.below(600));
}
