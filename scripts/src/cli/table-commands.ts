// `stele table ...`
import type { Command } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { examples } from "./examples.ts";
import { collect, parseCount } from "./option-values.ts";

const actions = () => import("./actions/tables.ts");

export function addTableCommands(program: Command, run: ActionRunner): void {
  const table = program.command("table").summary("create, list, show and drop tables");
  table.description("Tables: rows sorted by key, cut into tablets, in column families.");
  examples(table, [["stele table ls", "every table"]]);

  const create = table
    .command("create <name>")
    .summary("create a table")
    .description("Creates a table; done when each of its tablets has a leader.")
    .option(
      "--family <name[,rule...]>",
      "a column family, repeatable; rules maxVersions=N|all, maxAgeSeconds=N (default: d)",
      collect,
    )
    .option("--split <key>", "a key at which a tablet begins, repeatable", collect)
    .option("--replicas <n>", "1, 3 or 5 (default: 3, or 1 with fewer than 3 servers)", parseCount)
    .option("--protect", "refuse to drop it")
    .option("--if-not-exists", "an existing table is no error");
  examples(create, [
    ["stele table create notes", "one family, d"],
    [
      "stele table create grades --family grade,maxVersions=5 --family info --split g --split p",
      "two families, three tablets",
    ],
  ]);
  create.action(run(actions, "createTable"));

  const list = table.command("ls").summary("list the tables").description("Lists every table.");
  examples(list, [["stele table ls -o keys", "their names alone"]]);
  list.action(run(actions, "listTables"));

  const show = table
    .command("show <name>")
    .summary("describe a table")
    .description("Shows a table's families, partitioning and replication (exit 3: no such table).");
  examples(show, [["stele table show grades -o json", "everything known of it"]]);
  show.action(run(actions, "showTable"));

  const drop = table
    .command("drop <name>")
    .summary("drop a table with all its rows")
    .description("Drops a table. Asks for its name first; where nobody can be asked, needs --yes.");
  examples(drop, [["stele table drop notes --yes", "without asking"]]);
  drop.action(run(actions, "dropTable"));
}
