// `stele import` and `stele export`.
import { Option } from "commander";
import type { Command } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { examples } from "./examples.ts";
import { parseColumns, parseCount, parseDuration } from "./option-values.ts";
import { rangeOptions, readOptions } from "./row-commands.ts";

export function addBulkCommands(program: Command, run: ActionRunner): void {
  const load = program
    .command("import <table> <file>")
    .summary("load rows or operations from a file")
    .description(
      "Loads NDJSON (rows as export and streams give them, or put, patch and delete operations) " +
        "or CSV with a key column and family:qualifier columns. - is standard input.\n\n" +
        "Goes on by itself when the front-end goes away, and with the same command after an " +
        "interruption: FILE.stele-import remembers how far it is. Refused lines go to " +
        "FILE.rejects.ndjson, and the exit code is 7.\n\n" +
        'CSV cells are text as it is; bytes are {"b64":".."}, an empty field is no cell, and a ' +
        "quoted empty field an empty value.",
    )
    .addOption(
      new Option("--format <format>", "default: csv for *.csv, else ndjson").choices([
        "ndjson",
        "csv",
      ]),
    )
    .option("--int64 <columns>", "CSV columns that hold 64-bit integers", parseColumns)
    .addOption(retryOption("give up after so long without progress"))
    .option("--max-failures <n>", "stop after so many refused lines (server: 1000)", parseCount)
    .option("--rejects <file>", "where refused lines go")
    .option("--from-start", "forget an import of this file that was not finished");
  examples(load, [
    ["stele import cities cities.ndjson", "resumes by itself if it was interrupted"],
    ["stele import people people.csv --int64 info:age", "header: key,info:name,info:age"],
    ["stele export users | stele import copy -", "from one table to another"],
  ]);
  load.action(run(() => import("./actions/import.ts"), "importRows"));

  const dump = program
    .command("export <table>")
    .summary("write a range of rows to a file")
    .description(
      "Writes rows in key order as NDJSON, or as CSV (-o csv, or a file named *.csv). Goes on by " +
        "itself when the stream is cut: no row is written twice, none is missing.",
    )
    .option("--out <file>", "where to; grows as FILE.part until it is complete")
    .option("--resume", "go on with FILE.part of an interrupted export")
    .addOption(retryOption("give up after so long without a row"));
  readOptions(rangeOptions(dump));
  examples(dump, [
    ["stele export users --out users.ndjson", "the whole table"],
    ["stele export users --prefix G --columns info:name -o csv > g.csv", "one column as CSV"],
  ]);
  dump.action(run(() => import("./actions/export.ts"), "exportRows"));
}

function retryOption(description: string): Option {
  return new Option("--retry-for <duration>", description)
    .argParser(parseDuration)
    .default(60_000, "60s");
}
