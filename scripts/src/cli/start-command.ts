// `stele start`: the local cluster, or one server alone.
import type { Command } from "commander";
import { examples } from "./examples.ts";
import { parseCount, parsePort } from "./option-values.ts";
import type { ActionRunner } from "./program.ts";

export function addStartCommand(program: Command, run: ActionRunner): void {
  const start = program
    .command("start")
    .summary("run a local cluster, or one server alone")
    .description(
      "Runs a local cluster: every server its own process, restarted when it dies, until Ctrl-C.\n" +
        "The data stays in the data directory; the next start goes on with it.\n" +
        "A role after `start` runs that one server in this process instead.",
    )
    .usage("[options]\n       stele start master|tablet-server|frontend [options]")
    .option("--masters <n>", "masters, 1, 3 or 5 (first start: 3; later: fixed)", parseCount)
    .option("--tablet-servers <n>", "tablet servers (first start: 3)", parseCount)
    .option("--frontends <n>", "front-ends (first start: 1)", parseCount)
    .option("--port <port>", "port of the first front-end (first start: 7070)", parsePort)
    .option("--data-dir <directory>", "where everything is kept", "data")
    .option("--no-restart", "leave a server that died dead")
    .allowExcessArguments(false);
  examples(start, [
    ["npm start", "three masters, three tablet servers, one front-end on port 7070"],
    ["npm start -- --masters 1 --tablet-servers 1 --data-dir /tmp/stele", "the smallest cluster"],
    ["stele start tablet-server --help", "the flags of one server"],
  ]);
  start.action(run(() => import("./actions/start.ts"), "startCluster"));
}
