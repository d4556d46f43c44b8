/** A run that comes out by its seed as a test wants it: see `FATES`. */
import type { Fault } from "../../faults/fault.ts";
import type { RunReport, RunSeed } from "../../run-report.ts";

export const FATES = {
  /** A violation that needs fault 3. */
  violated: 13,
  hangs: 14,
  /** Takes its process along. */
  dies: 15,
  throws: 16,
  /** Its trace differs each time. */
  diverges: 17,
  /** Its trace is the same each time, and what came of it is not. */
  strays: 1_018,
  /** A signal asks its process to end, as Ctrl-C does with every process of a terminal. */
  asked: 1_020,
} as const;

const FAULTS: readonly Fault[] = Array.from({ length: 8 }, (_, at) => ({
  id: at + 1,
  atMs: 100 * at,
  target: { kind: "process", name: "ts1" },
  trigger: { kind: "at-once" },
  action: { kind: "crash", what: "power", downMs: 0 },
}));

let runs = 0;

export const runSeed: RunSeed = async ({ seed, faults, trace }) => {
  runs++;
  switch (seed) {
    case FATES.hangs:
      for (;;);
    case FATES.dies:
      process.stderr.write("a last word\n");
      process.exit(7);
      break;
    case FATES.asked:
      process.kill(process.pid, "SIGTERM");
      for (;;);
    case FATES.throws:
      throw new Error("the simulator is broken");
  }
  const given = faults ?? FAULTS;
  trace?.(`    0.1000 ts1  runs seed ${seed} with ${given.length} faults`);
  const fails = seed === FATES.violated && given.some(({ id }) => id === 3);
  const report: RunReport = {
    seed,
    options: { masters: 3, tablets: 5 },
    faults: given,
    violation: fails ? { checker: "liveness", detail: "a write hangs", atMs: 1234.5 } : null,
    marks: new Map([
      ["fault: crash", given.length],
      ["write acknowledged", 2],
    ]),
    traceHash: seed === FATES.diverges ? `${process.pid} ${runs}` : `hash of ${seed}`,
    simulatedMs: 36_000,
    events: 1000,
    operations: seed === FATES.strays ? runs : 10,
  };
  return report;
};
