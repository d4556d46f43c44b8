// What `npm run mutants` runs.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { systemClock } from "@stele/shared/clock.ts";
import { EXIT } from "../cli/cli-error.ts";
import { parseOrExit } from "../cli/parse-or-exit.ts";
import { exitCodeOf, interruptedBySignals } from "../simulation/command/interrupted.adapter.ts";
import { mutantsCommand } from "./mutants-command.ts";
import type { MutantsOptions } from "./mutants-command.ts";
import { reportOf } from "./report.ts";
import { NotCleanError, runMutants } from "./run-mutants.ts";

const { only, seeds, from, jobs } = parseOrExit<MutantsOptions>(
  mutantsCommand(availableParallelism()),
);
const interrupted = interruptedBySignals();
interrupted.addEventListener("abort", () => {
  console.error("mutants: interrupted, stopping (again: at once)");
});

try {
  const results = await runMutants({
    mutants: only,
    range: { from, seeds },
    jobs,
    root: fileURLToPath(new URL("../../../", import.meta.url)),
    clock: systemClock,
    signal: interrupted,
    progress: (line) => console.error(line),
  });
  process.stdout.write(reportOf(results, only.length));
  if (results.length < only.length) {
    process.exitCode = exitCodeOf((interrupted.reason as NodeJS.Signals | undefined) ?? "SIGINT");
  } else {
    const isAllCaught = results.every(({ finding }) => finding.kind === "caught");
    process.exitCode = isAllCaught ? EXIT.ok : EXIT.other;
  }
} catch (error) {
  if (!(error instanceof NotCleanError)) throw error;
  console.error(`mutants: ${error.message}`);
  process.exitCode = EXIT.other;
}
