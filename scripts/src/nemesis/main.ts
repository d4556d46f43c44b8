// What `npm run nemesis` runs.
import { randomInt } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseOrExit } from "../cli/parse-or-exit.ts";
import { LaunchError } from "../launch/launch-error.ts";
import { failureText, figuresText, nemesisCommand } from "./nemesis-command.ts";
import type { NemesisOptions } from "./nemesis-command.ts";
import { runRounds } from "./nemesis-rounds.ts";

const SEEDS = 1_000_000;
const INTERRUPTED = 130;

const options = parseOrExit<NemesisOptions>(nemesisCommand());
const { masters, tabletServers, frontends, clients, duration, only } = options;

const seed = options.seed ?? randomInt(SEEDS);
const directory = mkdtempSync(
  join(resolve(options.directory ?? tmpdir()), `stele-nemesis-${seed}-`),
);
const stop = new AbortController();
process.on("SIGINT", () => stop.abort());
process.on("SIGTERM", () => stop.abort());

console.error(`seed ${seed}; what a failure leaves is kept in ${directory}`);
const report = await runRounds({
  sizes: { masters, tabletServers, frontends },
  durationMs: duration,
  seed,
  kinds: only,
  clients,
  directory,
  tell: (line) => console.error(line),
  stop: stop.signal,
}).catch((error: unknown) => {
  if (stop.signal.aborted) process.exit(INTERRUPTED);
  if (!(error instanceof LaunchError)) throw error;
  console.error(`nemesis: ${error.message}`);
  process.exit(error.exitCode);
});
if (report.problems.length > 0) {
  const given = process.argv.slice(2);
  const again = [
    "npm run nemesis --",
    ...given,
    ...(options.seed === undefined ? ["--seed", seed] : []),
  ];
  console.error(failureText(report, { directory, again: again.join(" ") }));
}
console.log(figuresText(seed, report));
process.exitCode = report.problems.length > 0 ? 1 : 0;
