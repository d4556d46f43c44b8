/** A process that runs seeds, one at a time, as it is told to. Argument: the module that exports `runSeed`. */
import { errorText } from "../error-text.ts";
import type { RunSeed } from "../run-report.ts";
import { LastLines } from "./last-lines.ts";
import type { SeedAnswer, SeedJob } from "./seed-messages.ts";

const [runModule] = process.argv.slice(2);
const { runSeed } = (await import(runModule ?? "")) as { readonly runSeed: RunSeed };

async function answer({ seed, faults, traceLines }: SeedJob): Promise<SeedAnswer> {
  const lines = new LastLines(traceLines);
  const trace = traceLines === 0 ? null : (line: string): void => lines.add(line);
  try {
    const report = await runSeed({ seed, faults, trace });
    return { kind: "ran", report, trace: lines.all() };
  } catch (error) {
    return { kind: "threw", detail: errorText(error) };
  }
}

process.on("message", (job: SeedJob) => {
  void answer(job).then((found) => process.send?.(found));
});
process.on("disconnect", () => process.exit());
