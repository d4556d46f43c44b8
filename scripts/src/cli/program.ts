// The tree of commands: names, options, help. Light to load; actions are imported when they run.
import { Command, Option } from "commander";
import type { ActionRunner } from "./action-runner.ts";
import { addBulkCommands } from "./bulk-commands.ts";
import { addCheckCommand } from "./check-command.ts";
import { addClusterCommands } from "./cluster-commands.ts";
import type { CliContext } from "./context.ts";
import { helpHint, withHelpHint } from "./help-hint.ts";
import { parseDuration } from "./option-values.ts";
import { formats } from "./output/format.ts";
import { addRowCommands } from "./row-commands.ts";
import { addStartCommand } from "./start-command.ts";
import { addTableCommands } from "./table-commands.ts";

export interface Program {
  readonly command: Command;
  /** Of the action that ran. */
  readonly exitCode: () => number;
}

const exitCodes =
  "\nExit codes: 0 ok, 1 other, 2 usage, 3 not found, 4 condition failed or exists,\n" +
  "5 unreachable or no quorum, 6 deadline, 7 partial or cut, 130 interrupted.";

export interface ProgramParts {
  readonly context: CliContext;
  readonly version: string;
  /** What `start` hands on; empty where another command runs. */
  readonly serverFlags: readonly Option[];
}

export function buildProgram({ context, version, serverFlags }: ProgramParts): Program {
  let exitCode = 0;
  const run: ActionRunner =
    (load, name) =>
    async (...received) => {
      const command = received.at(-1) as Command;
      const action = (await load())[name];
      try {
        exitCode = await action(context, command.args, command.optsWithGlobals() as never);
      } catch (error) {
        throw withHelpHint(error, command);
      }
    };
  const program = new Command("stele")
    .description("Stele, a replicated, range-partitioned database: its command line.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", exitCodes)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "stele: ")),
    });
  globalOptions(program);
  addStartCommand(program, run, serverFlags);
  addTableCommands(program, run);
  addRowCommands(program, run);
  addBulkCommands(program, run);
  addClusterCommands(program, run);
  addCheckCommand(program, run);
  hintAfterErrors(program);
  return { command: program, exitCode: () => exitCode };
}

/** Below a message of commander's own. */
function hintAfterErrors(command: Command): void {
  command.showHelpAfterError(`  ${helpHint(command)}`);
  for (const child of command.commands) hintAfterErrors(child);
}

function globalOptions(program: Command): void {
  program
    .option("--url <url>", "the REST API (default: STELE_URL, else http://127.0.0.1:7070)")
    .addOption(
      new Option("-o, --output <format>", "default: table on a terminal, else ndjson").choices(
        formats,
      ),
    )
    .option("--timeout <duration>", "how long a call may take, e.g. 500ms, 5s, 2m", parseDuration)
    .option("--full", "show long values whole in tables")
    .option("-q, --quiet", "no progress, no notices")
    .option("-v, --verbose", "print each request and its answer to standard error")
    .option("--curl", "print the request as a curl command, send nothing")
    .option("-y, --yes", "do not ask before destroying something");
}
