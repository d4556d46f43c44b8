// `stele status`, `stele tablet ...`, `stele server ...`
import type { Command } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { examples } from "./examples.ts";

const actions = () => import("./actions/cluster.ts");

export function addClusterCommands(program: Command, run: ActionRunner): void {
  const status = program
    .command("status")
    .summary("say how the cluster is")
    .description("Shows green, yellow or red, each reason, and what to do about it.");
  examples(status, [["stele status -o json", "for a monitor"]]);
  status.action(run(actions, "showStatus"));
  addTabletCommands(program, run);
  addServerCommands(program, run);
}

function addTabletCommands(program: Command, run: ActionRunner): void {
  const tablet = program.command("tablet").summary("list, show and verify tablets");
  tablet.description(
    "Tablets: the key ranges into which tables are cut. Rows and sizes are estimates.",
  );
  examples(tablet, [["stele tablet ls grades", "the tablets of one table"]]);

  const list = tablet
    .command("ls [table]")
    .summary("list the tablets of a table, or all")
    .description("Lists the tablets of a table in key order, or every tablet.");
  examples(list, [["stele tablet ls grades", "ranges, leaders, replicas"]]);
  list.action(run(actions, "listTablets"));

  const show = tablet
    .command("show <id>")
    .summary("describe a tablet")
    .description("Shows a tablet's range, leader and replicas (exit 3: no such tablet).");
  examples(show, [["stele tablet show 7 -o json", "everything known of tablet 7"]]);
  show.action(run(actions, "showTablet"));

  const verify = tablet
    .command("verify <id>")
    .summary("compare the replicas of a tablet")
    .description(
      "Compares rows and hashes of all replicas at one log index (exit 1: they differ).",
    );
  examples(verify, [["stele tablet verify 7", "a line a replica"]]);
  verify.action(run(actions, "verifyTablet"));
}

function addServerCommands(program: Command, run: ActionRunner): void {
  const server = program.command("server").summary("list tablet servers");
  server.description("Tablet servers: the processes that store the tablets' replicas.");
  examples(server, [["stele server ls", "every tablet server"]]);
  const list = server
    .command("ls")
    .summary("list the tablet servers")
    .description("Lists every tablet server with its state and load.");
  examples(list, [["stele server ls -o json", "with all they report"]]);
  list.action(run(actions, "listServers"));
}
