// docs/CLI.md, made from the tree of commands. cli-reference.test.ts keeps the file equal to it.
import type { Command } from "commander";
import { fullName } from "./command-name.ts";

const WIDTH = 96;

const introduction = `# The command line

\`npx stele\` from a checkout; nothing needs to be installed first. It speaks only the REST API, whose address is \`--url\`, else
\`STELE_URL\`, else \`http://127.0.0.1:7070\`. This page is generated from the commands' own help; \`stele start --help\` lists the knobs of the
servers as well.

- **Output.** Data goes to standard output and nothing else does; progress, notices and errors go to standard error, behind
  \`stele: \` (with \`-o json\` the failure of a call is JSON). \`-o\` may stand anywhere: \`table\` (the default on a terminal),
  \`ndjson\` (the default in a pipe: one JSON text a line, as the REST API writes it), \`json\` (one text: an object, or an array),
  \`csv\`, \`keys\`, \`raw\` (the bytes of exactly one cell). NO_COLOR is obeyed.
- **Keys** are text in which \`\\xHH\` is one byte and \`\\\\\` a backslash; \`hex:00ff\` and \`b64:AP8\` give any bytes. Printed keys are valid input
  again, and no control byte reaches the terminal.
- **Columns** are \`family:qualifier\` with the same two escapes; a comma in a list of columns is \`\\x2C\`, an \`=\` before a value \`\\x3D\`.
- **CSV** has a column \`key\` and columns \`family:qualifier\`. Cells are text as it is; bytes that are not text are \`{"b64":"_w"}\`; an empty field
  is no cell, a quoted empty field an empty value. Numbers are digits: \`import --int64 COLUMN\` makes them numbers again.
- **Time.** \`--timeout\` bounds a call (default 10 s; 60 s for tables and the cluster). Nothing waits longer than its deadline.
- **Ctrl-C** stops at once, says how to go on, and exits with 130; another one, at least a second later,
  waits for nothing. A reader that leaves a pipe early, as \`head\` does, is no error.
- **\`--curl\`** prints the request as a curl command and sends nothing; \`-v\` prints it to standard error and sends it.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | another error |
| 2 | usage: the command line, or the request, is not valid |
| 3 | no such table, family, row, cell, tablet or path |
| 4 | a condition failed, or it exists already |
| 5 | unreachable, overloaded, or no quorum |
| 6 | the deadline passed; what a write did may be unknown, and the message says so |
| 7 | partial: lines were refused, or a stream was cut |
| 130 | interrupted |
`;

/** @param capture collects what printing a command's help writes */
export function cliReference(program: Command, capture: (print: () => void) => string): string {
  const commands = leaves(program).map((command) => {
    command.configureHelp({ helpWidth: WIDTH, showGlobalOptions: false });
    const help = capture(() => command.outputHelp());
    return `## ${fullName(command)}\n\n\`\`\`text\n${help.trim()}\n\`\`\`\n`;
  });
  program.configureHelp({ helpWidth: WIDTH, visibleCommands: () => [] });
  const global = capture(() => program.outputHelp());
  const options = global.slice(global.indexOf("Options:"), global.indexOf("\nExit codes:"));
  const everywhere = `## Options of every command\n\n\`\`\`text\n${options.trim()}\n\`\`\`\n`;
  return [introduction, everywhere, ...commands].join("\n");
}

/** Every command that does something itself. */
export function leaves(command: Command): Command[] {
  const children = command.commands.filter((child) => child.name() !== "help");
  return children.length === 0 ? [command] : children.flatMap(leaves);
}
