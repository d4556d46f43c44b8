// What `npm run mutants` runs.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { systemClock } from "@stele/shared/clock.ts";
import { parseOrExit } from "../cli/parse-or-exit.ts";
import { mutantsCommand } from "./mutants-command.ts";
import type { MutantsOptions } from "./mutants-command.ts";
import { reportOf } from "./report.ts";
import { NotCleanError, runMutants } from "./run-mutants.ts";

const INTERRUPTED = 130;

const { only, seeds, from, jobs } = parseOrExit<MutantsOptions>(
  mutantsCommand(availableParallelism()),
);
const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => interrupt.abort());
}

try {
  const results = await runMutants({
    mutants: only,
    range: { from, seeds },
    jobs,
    root: fileURLToPath(new URL("../../../", import.meta.url)),
    clock: systemClock,
    signal: interrupt.signal,
    progress: (line) => console.error(line),
  });
  process.stdout.write(reportOf(results));
  process.exitCode = results.every(({ finding }) => finding.kind === "caught") ? 0 : 1;
} catch (error) {
  if (!interrupt.signal.aborted && !(error instanceof NotCleanError)) throw error;
  console.error(`mutants: ${interrupt.signal.aborted ? "interrupted" : (error as Error).message}`);
  process.exitCode = interrupt.signal.aborted ? INTERRUPTED : 1;
}
