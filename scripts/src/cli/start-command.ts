// `stele start`: the local cluster, or one server alone.
import type { Command, Option } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { examples } from "./examples.ts";
import { parseCount, parsePort } from "./option-values.ts";

/** `serverFlags` are loaded only where they are needed: they are many. */
export function addStartCommand(
  program: Command,
  run: ActionRunner,
  serverFlags: readonly Option[],
): void {
  const start = program
    .command("start")
    .summary("run a local cluster, or one server alone")
    .description(
      "Runs a local cluster: every server its own process, restarted when it dies, until Ctrl-C. " +
        "The data stays in the data directory; the next start goes on with it. A role after " +
        "`start` runs that one server in this process instead.\n\n" +
        "Ports count from --port: front-ends there, masters 10 above, tablet servers 20 above. If " +
        "one is taken, the cluster moves 100 up and stays there.",
    )
    .usage("[options]\n       stele start master|tablet-server|frontend [options]")
    .option("--masters <n>", "masters, 1, 3 or 5 (first start: 3; later: fixed)", parseCount)
    .option("--tablet-servers <n>", "tablet servers (first start: 3)", parseCount)
    .option("--frontends <n>", "front-ends (first start: 1)", parseCount)
    .option("--port <port>", "port of the first front-end (first start: 7070; 0: any)", parsePort)
    .option("--data-dir <directory>", "where everything is kept", "data")
    .option("--no-restart", "leave a server that died dead")
    .allowExcessArguments(false);
  for (const option of serverFlags) start.addOption(option.helpGroup("Options of the servers:"));
  examples(start, [
    ["npm start", "three masters, three tablet servers, one front-end on port 7070"],
    ["npm start -- --masters 1 --tablet-servers 1 --data-dir /tmp/stele", "the smallest cluster"],
    ["stele start tablet-server --help", "the flags of one server"],
  ]);
  start.action(run(() => import("./actions/start.ts"), "startCluster"));
}
