// `stele check`: judges a recorded history. Speaks to no server.
import { Option } from "commander";
import type { Command } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { examples } from "./examples.ts";
import { historyFormats } from "./history-formats.ts";
import { parseDuration } from "./option-values.ts";

export function addCheckCommand(program: Command, run: ActionRunner): void {
  const check = program
    .command("check <history>")
    .summary("check a recorded history for linearizability")
    .description(
      "Checks whether what clients saw can have happened in one order that keeps to real time, and " +
        "whether scans showed every row they had to. - is standard input. docs/TESTING.md " +
        '("Histories") describes the file.\n\n' +
        "The last line is the verdict; -o json or ndjson gives it as one JSON text.\n\n" +
        "Exit codes: 0 linearizable; 1 violation, which is explained; 6 undecided within the " +
        "budget or in memory, which is no pass; 2 not a history, or one without operations.",
    )
    .addOption(
      new Option("--format <format>", "what the file is").choices(historyFormats).default("stele"),
    )
    .addOption(
      new Option("--budget <duration>", "how long the search may take")
        .argParser(parseDuration)
        .default(60_000, "60s"),
    );
  examples(check, [
    ["stele check history.ndjson", "a history recorded by a test"],
    ["stele check etcd_001.log --format porcupine-etcd", "a log of Jepsen's register test"],
    ["stele check - --budget 5m < history.ndjson", "standard input, with more time"],
  ]);
  check.action(run(() => import("./actions/check.ts"), "checkRecorded"));
}
