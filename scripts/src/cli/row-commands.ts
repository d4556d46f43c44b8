// Commands on rows: set, put, get, delete, scan, count.
import type { Command } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { examples } from "./examples.ts";
import { parseColumns, parseCount, parseVersion, parseVersions } from "./option-values.ts";

const reads = () => import("./actions/row-read.ts");
const writes = () => import("./actions/row-write.ts");

const valueHelp =
  "The value is the text behind the first = after the colon (an = in the qualifier is \\x3D). " +
  "@FILE reads it from a file, - from standard input, @@TEXT is text that begins with @.";
const keyHelp =
  "A key is text in which \\xHH is one byte and \\\\ a backslash; hex:.. and b64:.. give any bytes.";

export function addRowCommands(program: Command, run: ActionRunner): void {
  addWrites(program, run);
  addReads(program, run);
}

function addWrites(program: Command, run: ActionRunner): void {
  const set = program
    .command("set <table> <key> <column=value...>")
    .summary("set cells of a row, keeping its others")
    .description(`Sets cells of a row; a missing row is created.\n\n${valueHelp}\n\n${keyHelp}`);
  writeOptions(set);
  examples(set, [
    ["stele set grades alice grade:cs214=90 info:name='Alice B'", "two cells of one row, at once"],
    ["stele set photos p1 jpg:=@portrait.jpg", "a file as value; the qualifier is empty"],
    ["stele set stats home n:views=0 --int64", "a number that increments can add to"],
  ]);
  set.action(run(writes, "setCells"));

  const put = program
    .command("put <table> <key> [column=value...]")
    .summary("replace a whole row")
    .description(`Replaces a row, its history included.\n\n${valueHelp}\n\n${keyHelp}`)
    .option("--row <file>", "the row as JSON, as `get -o json` gives it; - is standard input");
  writeOptions(put);
  examples(put, [
    ["stele put grades alice grade:cs214=90", "the row now has this one cell"],
    ["stele put grades bob grade:cs214=70 --if-absent", "only if there is no such row (exit 4)"],
    ["stele get grades alice -o json | stele put archive alice --row -", "copies a row"],
  ]);
  put.action(run(writes, "putRow"));

  const remove = program
    .command("delete <table> <key> [column...]")
    .summary("delete a row, or columns of it")
    .description(
      `Deletes a row, or of it the columns and families named. Nothing there is no error.\n\n${keyHelp}`,
    )
    .option("--columns <list>", "columns and families to delete, comma-separated", parseColumns);
  conditionOptions(remove);
  examples(remove, [
    ["stele delete grades alice", "the whole row"],
    ["stele delete grades alice grade:cs214 info", "one column and one family"],
  ]);
  remove.action(run(writes, "deleteRow"));
}

function addReads(program: Command, run: ActionRunner): void {
  const get = program
    .command("get <table> <key> [column...]")
    .summary("read one row")
    .description(
      `Reads a row, or of it the columns and families named (exit 3: no row).\n\n${keyHelp}`,
    );
  readOptions(get);
  examples(get, [
    ["stele get grades alice", "the newest value of each column"],
    ["stele get grades alice grade --versions 3", "one family with its history"],
    ["stele get photos p1 jpg: -o raw > portrait.jpg", "the bytes of one cell"],
  ]);
  get.action(run(reads, "getRow"));

  const scan = program
    .command("scan <table>")
    .summary("read a range of rows, in key order")
    .description(
      "Reads rows in byte order of their keys. Without bounds on a terminal it stops at 100 rows." +
        `

${keyHelp}`,
    );
  rangeOptions(scan)
    .option("--reverse", "from the last row to the first; bounds stay what they are")
    .option("--limit <n>", "at most so many rows", parseCount)
    .option("--all", "every row, also on a terminal")
    .option("--keys-only", "keys and versions, no cells");
  readOptions(scan);
  examples(scan, [
    ["stele scan users --prefix G", "every user whose key begins with G"],
    ["stele scan users --start a --end c --columns info:name --limit 10", "from a, before c"],
    ["stele scan users -o ndjson | jq -r .key", "for other programs"],
  ]);
  scan.action(run(reads, "scanRows"));

  const count = program
    .command("count <table>")
    .summary("count the rows of a range")
    .description(`Counts rows exactly, on the servers.\n\n${keyHelp}`);
  consistencyOptions(rangeOptions(count));
  examples(count, [
    ["stele count users", "all of them"],
    ["stele count users --prefix G -o raw", "those that begin with G, as a bare number"],
  ]);
  count.action(run(reads, "countRows"));
}

function writeOptions(command: Command): Command {
  return conditionOptions(command)
    .option("--timestamp <us>", "the cells' time, microseconds since 1970", parseVersion)
    .option("--int64", "the values are 64-bit integers");
}

function conditionOptions(command: Command): Command {
  return command
    .option("--if-version <v>", "only if the row has this version (else exit 4)", parseVersion)
    .option("--if-exists", "only if the row exists (else exit 4)")
    .option("--if-absent", "only if there is no such row (else exit 4)");
}

/** Shared with export. */
export function rangeOptions(command: Command): Command {
  return command
    .option("--prefix <key>", "keys that begin with this")
    .option("--start <key>", "first key, inclusive")
    .option("--after <key>", "first key, exclusive")
    .option("--end <key>", "last key, exclusive");
}

export function readOptions(command: Command): Command {
  return consistencyOptions(
    command
      .option("--columns <list>", "only these columns and families, comma-separated", parseColumns)
      .option(
        "--versions <n>",
        "so many versions a column, or all, with their times",
        parseVersions,
      ),
  );
}

function consistencyOptions(command: Command): Command {
  return command
    .option("--consistency <kind>", "strong (default), bounded or any")
    .option("--max-staleness <duration>", "with bounded: the oldest data to accept, e.g. 5s");
}
