/**
 * The faults of one run, drawn from its seed. After Groce et al., "Swarm Testing" (ISSTA 2012): each run leaves out a
 * random half of the kinds and weighs the others at random, so that runs differ far more than if each mixed all of
 * everything; some run calm, some hostile.
 *
 * P1. What destroys something acknowledged (a wiped disk, damaged bytes) aims at tablet servers only: a master that
 *     lost its disk cannot rejoin. Whether the groups can bear it just then is decided when its time comes.
 * P2. Clocks drift within the bound that leases are safe under (shared/src/timing.ts, T1): the fastest follower
 *     against the slowest leader gains less than a ninth.
 */
import type { Random } from "@stele/shared/random.ts";
import { Draws } from "@stele/shared/testing/draws.ts";
import { CRASH_STEPS } from "./fault.ts";
import type {
  CrashStep,
  Fault,
  FaultAction,
  FaultKind,
  FaultTarget,
  FaultTrigger,
} from "./fault.ts";
import { partition, worseNetwork } from "./network-draws.ts";
import { STORY_KINDS, STORY_SPECIES } from "./story-draws.ts";

export interface FaultShape {
  readonly masters: readonly string[];
  readonly tabletServers: readonly string[];
  readonly frontends: readonly string[];
  /** Faults begin within this time. */
  readonly durationMs: number;
}

/** P2. */
export const LEAST_CLOCK_RATE = 0.95;
export const MOST_CLOCK_RATE = 1.05;

const HOUR_MS = 3_600_000;
const MOST_FAULTS = 40;
/** Before so many callbacks, or steps of a disk, something may strike. */
const MOST_EVENTS = 400;
const MOST_STEPS = 40;
const MOST_JOINT_EVENTS = 20;

type Body = Pick<Fault, "target" | "trigger" | "action">;

interface Drawing {
  readonly draws: Draws;
  readonly shape: FaultShape;
  readonly names: readonly string[];
}

/** What the swarm leaves out or takes in: kinds that belong together come together. */
const SPECIES = {
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
  "leaders lost in turn": leadersLostInTurn,
  "voters restart": votersRestart,
  ...STORY_SPECIES,
} as const satisfies Record<string, (drawing: Drawing) => Body>;

type Species = keyof typeof SPECIES;

const ALL_SPECIES = Object.keys(SPECIES) as readonly Species[];

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
  "leaders-lost-in-turn",
  "voters-restart-in-lease",
  ...STORY_KINDS,
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
    const species = draws.weighted(swarm);
    // What is repaired within the phase meets the other faults while it is.
    const isEarly = (species === "wipe" || species === "damage") && draws.oneIn(2);
    const withinMs = isEarly ? Math.ceil(durationMs / 4) : durationMs;
    drawn.push({ atMs: drawTime(draws, withinMs, bursts), ...SPECIES[species](drawing) });
  }
  drawn.sort((a, b) => a.atMs - b.atMs);
  return drawn.map((fault, at) => ({ id: at + 1, ...fault }));
}

/** Who takes part, and with which weight. */
function drawSwarm(draws: Draws): (readonly [Species, number])[] {
  const chosen = new Set(ALL_SPECIES.filter(() => draws.oneIn(2)));
  // Replicas wait for snapshots and groups change their members where servers lose their disks.
  if (chosen.has("crash in a state")) chosen.add("wipe");
  return [...chosen].map((species) => {
    const weight = draws.between(1, 4);
    return [species, species.startsWith("crash") || species === "damage" ? 2 * weight : weight];
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

const AT_ONCE: FaultTrigger = { kind: "at-once" };

function anyProcess({ draws, names }: Drawing): FaultTarget {
  return { kind: "process", name: draws.of(names) };
}

/** Often a leader: it has most to lose. */
function anyServer(drawing: Drawing): FaultTarget {
  const { draws, shape } = drawing;
  if (draws.oneIn(3)) return leader(drawing);
  const { masters, tabletServers } = shape;
  return { kind: "process", name: draws.of([...masters, ...tabletServers, ...tabletServers]) };
}

function leader({ draws }: Drawing): FaultTarget {
  return { kind: "leader", nth: draws.oneIn(3) ? 0 : draws.between(1, 4) };
}

function tabletServer({ draws, shape }: Drawing): FaultTarget {
  return { kind: "process", name: draws.of(shape.tabletServers) };
}

function downMs(draws: Draws): number {
  return draws.oneIn(4) ? 0 : draws.duration(50, 8_000);
}

function crashAction(draws: Draws): FaultAction {
  return { kind: "crash", what: draws.of(["process", "power"] as const), downMs: downMs(draws) };
}

function eventTrigger(draws: Draws): FaultTrigger {
  return { kind: "event", nth: draws.between(1, MOST_EVENTS) };
}

function crashes(drawing: Drawing): Body {
  const { draws } = drawing;
  const trigger = draws.weighted<FaultTrigger>([
    [AT_ONCE, 1],
    [eventTrigger(draws), 2],
    [{ kind: "acknowledgement", nth: draws.between(1, 20) }, 1],
  ]);
  return { target: anyServer(drawing), trigger, action: crashAction(draws) };
}

function crashesAtDiskStep(drawing: Drawing): Body {
  const { draws } = drawing;
  const step = draws.of(CRASH_STEPS);
  const trigger = { kind: "disk-step", step, nth: drawStep(draws, step) } as const;
  const target: FaultTarget = isFrequent(step) ? anyServer(drawing) : { kind: "whoever" };
  return { target, trigger, action: crashAction(draws) };
}

function crashesInState({ draws, shape }: Drawing): Body {
  const state = draws.of(["joint-config", "awaiting-snapshot", "recovering"] as const);
  // A joint config is left after a few rounds.
  const nth = draws.duration(1, state === "joint-config" ? MOST_JOINT_EVENTS : MOST_EVENTS);
  const patienceMs = draws.duration(2_000, shape.durationMs);
  const trigger = { kind: "state", state, nth, patienceMs } as const;
  return { target: { kind: "whoever" }, trigger, action: crashAction(draws) };
}

function frontendCrashes({ draws, shape }: Drawing): Body {
  const target = { kind: "process", name: draws.of(shape.frontends) } as const;
  return { target, trigger: eventTrigger(draws), action: crashAction(draws) };
}

function drawStep(draws: Draws, step: CrashStep): number {
  return draws.between(1, isFrequent(step) ? MOST_STEPS : 3);
}

/** Logs are written all the time; files come and go with segments and checkpoints. */
function isFrequent(step: CrashStep): boolean {
  return step === "write" || step === "sync";
}

function powerLostEverywhere(drawing: Drawing): Body {
  const { draws } = drawing;
  const action = { kind: "power-lost-everywhere", downMs: downMs(draws) } as const;
  const trigger: FaultTrigger = draws.oneIn(3)
    ? eventTrigger(draws)
    : { kind: "acknowledgement", nth: draws.between(1, 60) };
  return { target: anyServer(drawing), trigger, action };
}

function pauses(drawing: Drawing): Body {
  const { draws } = drawing;
  const trigger = draws.oneIn(2) ? AT_ONCE : eventTrigger(draws);
  const target = draws.oneIn(4) ? anyProcess(drawing) : anyServer(drawing);
  if (draws.oneIn(4)) {
    const [stillMs, runMs] = [draws.between(5, 80), draws.between(2, 30)];
    const durationMs = draws.duration(500, 4_000);
    return { target, trigger, action: { kind: "slow-process", stillMs, runMs, durationMs } };
  }
  return { target, trigger, action: { kind: "pause", durationMs: draws.duration(20, 8_000) } };
}

function partitions(drawing: Drawing): Body {
  const { draws, names } = drawing;
  const action = partition(draws, names);
  const target: FaultTarget =
    action.kind === "isolated" && draws.oneIn(2) ? leader(drawing) : anyProcess(drawing);
  return { target, trigger: AT_ONCE, action };
}

function networks(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const action = worseNetwork(draws, shape.durationMs);
  return { target: anyProcess(drawing), trigger: AT_ONCE, action };
}

function logDiskFaults(drawing: Drawing): Body {
  const { draws } = drawing;
  const step = draws.of(CRASH_STEPS);
  const action = { kind: "log-step-fails", step, nth: drawStep(draws, step) } as const;
  return { target: anyServer(drawing), trigger: AT_ONCE, action };
}

function fullDisks(drawing: Drawing): Body {
  const { draws } = drawing;
  const freeBytes = draws.duration(1, 256 * 1024);
  const durationMs = draws.duration(200, 4_000);
  const action = { kind: "log-disk-full", freeBytes, durationMs } as const;
  return { target: anyServer(drawing), trigger: AT_ONCE, action };
}

function stalls(drawing: Drawing): Body {
  const durationMs = drawing.draws.duration(200, 10_000);
  const { draws, shape } = drawing;
  const kind = draws.of(["log-disk-stalls", "store-stalls"] as const);
  const action = { kind, durationMs };
  if (draws.oneIn(2)) return { target: anyServer(drawing), trigger: AT_ONCE, action };
  const patienceMs = shape.durationMs;
  const trigger = { kind: "state", state: "replica-missing", nth: 1, patienceMs } as const;
  return { target: { kind: "whoever" }, trigger, action };
}

function storeFaults(drawing: Drawing): Body {
  const action = { kind: "store-write-fails" } as const;
  return { target: anyServer(drawing), trigger: AT_ONCE, action };
}

/** P1. */
function damages(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const crashAfterMs = draws.oneIn(3) ? null : draws.duration(1, 2_000);
  const place = draws.below(2 ** 31);
  const action = draws.of<FaultAction>([
    { kind: "bit-flipped-in-log", place, bit: place % 8, crashAfterMs },
    { kind: "sector-misplaced-in-log", place, crashAfterMs },
    { kind: "bit-flipped-in-store", of: "host", crashAfterMs },
    { kind: "bit-flipped-in-store", of: "rows", crashAfterMs },
  ]);
  const trigger: FaultTrigger =
    action.kind === "bit-flipped-in-store"
      ? AT_ONCE
      : { kind: "state", state: "damageable-log", nth: 1, patienceMs: shape.durationMs };
  const target: FaultTarget = trigger === AT_ONCE ? tabletServer(drawing) : { kind: "whoever" };
  return { target, trigger, action };
}

/** P1. */
function wipes(drawing: Drawing): Body {
  const action = { kind: "disk-wiped", downMs: downMs(drawing.draws) } as const;
  return { target: tabletServer(drawing), trigger: AT_ONCE, action };
}

/** P2. */
function drifts(drawing: Drawing): Body {
  const { draws, shape } = drawing;
  const rate = draws.oneIn(2)
    ? draws.of([LEAST_CLOCK_RATE, MOST_CLOCK_RATE])
    : Math.round((LEAST_CLOCK_RATE + draws.share(0.1)) * 1000) / 1000;
  const durationMs = draws.duration(1_000, shape.durationMs);
  const action = { kind: "clock-drifts", rate, durationMs } as const;
  return { target: anyProcess(drawing), trigger: AT_ONCE, action };
}

function wallJumps(drawing: Drawing): Body {
  const { draws } = drawing;
  const sizeMs = draws.oneIn(2) ? HOUR_MS : draws.duration(1, HOUR_MS);
  const byMs = draws.oneIn(2) ? sizeMs : -sizeMs;
  return {
    target: anyProcess(drawing),
    trigger: AT_ONCE,
    action: { kind: "wall-clock-jumps", byMs },
  };
}

function moves(drawing: Drawing): Body {
  const { draws } = drawing;
  const isolatedAfterMs = draws.oneIn(2) ? draws.between(1, 12) : null;
  const action = { kind: "leadership-moved", isolatedAfterMs } as const;
  return { target: leader(drawing), trigger: AT_ONCE, action };
}

function leadersLostInTurn(drawing: Drawing): Body {
  const { draws } = drawing;
  const action: FaultAction = {
    kind: "leaders-lost-in-turn",
    heard: draws.oneIn(2),
    afterMs: draws.duration(1, 300),
    downMs: draws.between(2_000, 6_000),
    durationMs: draws.between(2_000, 6_000),
  };
  return { target: leader(drawing), trigger: AT_ONCE, action };
}

/** The lonely follower asks for votes again and again, from an election timeout on. */
function votersRestart(drawing: Drawing): Body {
  const { draws } = drawing;
  const afterMs = draws.between(700, 2_500);
  const action: FaultAction = {
    kind: "voters-restart-in-lease",
    afterMs,
    downMs: draws.oneIn(2) ? 0 : draws.duration(1, 300),
    durationMs: afterMs + draws.between(800, 2_000),
  };
  return { target: leader(drawing), trigger: AT_ONCE, action };
}

function lateCreations(drawing: Drawing): Body {
  const action = { kind: "creation-comes-late" } as const;
  return { target: tabletServer(drawing), trigger: AT_ONCE, action };
}
