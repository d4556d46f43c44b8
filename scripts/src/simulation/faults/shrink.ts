/**
 * A failing run with as few and as plain faults as still make the same checker fail. Another checker's violation is
 * another bug, and no reason to leave a fault out.
 */
import type { RunReport, RunSeed } from "../run-report.ts";
import { ddmin } from "./ddmin.ts";
import type { Fault, FaultAction } from "./fault.ts";

export interface ShrinkOptions {
  readonly maxRuns: number;
  /** Told after each run: how many there were, and how many faults are left. */
  readonly tried?: (runs: number, faults: number) => void;
  /** Asked before each run: whether it must do with what is known. */
  readonly isStopped?: () => boolean;
}

export interface Shrunk {
  /** Of the run with the fewest and plainest faults. */
  readonly report: RunReport;
  readonly runs: number;
  /** No single fault can be left out. False: the runs were used up before that was known. */
  readonly isMinimal: boolean;
}

/**
 * @param report of a run that found a violation
 * @param runSeed may reject, as for a run that takes too long: such a run counts as another failure
 */
export async function shrinkFaults(
  runSeed: RunSeed,
  report: RunReport,
  options: ShrinkOptions,
): Promise<Shrunk> {
  const shrinking = new Shrinking(runSeed, report, options);
  const needed = await ddmin(report.faults, (part) => shrinking.fails(part));
  const isMinimal = !shrinking.isUsedUp;
  await makePlain(needed, (faults) => shrinking.fails(faults));
  return { report: shrinking.best, runs: shrinking.runs, isMinimal };
}

class Shrinking {
  best: RunReport;
  runs = 0;
  readonly #runSeed: RunSeed;
  readonly #options: ShrinkOptions;
  readonly #checker: string | undefined;
  /** By the list as JSON. */
  readonly #known = new Map<string, boolean>();

  constructor(runSeed: RunSeed, report: RunReport, options: ShrinkOptions) {
    this.best = report;
    this.#runSeed = runSeed;
    this.#options = options;
    this.#checker = report.violation?.checker;
  }

  get isUsedUp(): boolean {
    return this.runs >= this.#options.maxRuns || this.#options.isStopped?.() === true;
  }

  /** False as well when no run is left to find out. */
  async fails(faults: readonly Fault[]): Promise<boolean> {
    const key = JSON.stringify(faults);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.isUsedUp) return false;
    this.runs++;
    const report = await this.#run(faults);
    const fails = report !== null && report.violation?.checker === this.#checker;
    this.#known.set(key, fails);
    if (fails) this.best = report;
    this.#options.tried?.(this.runs, this.best.faults.length);
    return fails;
  }

  async #run(faults: readonly Fault[]): Promise<RunReport | null> {
    try {
      return await this.#runSeed({ seed: this.best.seed, faults, trace: null });
    } catch {
      return null;
    }
  }
}

/** One fault after the other takes its plainest form that still fails. */
async function makePlain(
  faults: readonly Fault[],
  fails: (faults: readonly Fault[]) => Promise<boolean>,
): Promise<void> {
  let now = faults;
  for (const { id } of faults) {
    for (const plainer of PLAINER) {
      const changed = now.map((fault) => (fault.id === id ? plainer(fault) : fault));
      const isChange = changed.some((fault, at) => fault !== now[at]);
      if (isChange && (await fails(changed))) now = changed;
    }
  }
}

/** Each gives the same fault if it is as plain already. */
const PLAINER: readonly ((fault: Fault) => Fault)[] = [
  (fault) => {
    const { trigger, target } = fault;
    if (trigger.kind === "at-once" || target.kind === "whoever") return fault;
    return { ...fault, trigger: { kind: "at-once" } };
  },
  (fault) => withTime(fault, "durationMs", 0.25),
  (fault) => withTime(fault, "durationMs", 0.5),
  (fault) => withTime(fault, "downMs", 0),
];

function withTime(fault: Fault, field: "durationMs" | "downMs", factor: number): Fault {
  const ms = new Map<string, unknown>(Object.entries(fault.action)).get(field);
  if (typeof ms !== "number") return fault;
  const shorter = Math.round(ms * factor);
  if (shorter === ms) return fault;
  return { ...fault, action: { ...fault.action, [field]: shorter } as FaultAction };
}
