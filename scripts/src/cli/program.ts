// The tree of commands: names, options, help. Light to load; actions are imported when they run.
import { Command } from "commander";
import type { CliContext } from "./context.ts";
import { addStartCommand } from "./start-command.ts";

export type Action = (
  context: CliContext,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
) => Promise<number>;

/** Turns an action into what commander calls. */
export type ActionRunner = (action: Action) => (...received: unknown[]) => Promise<void>;

export interface Program {
  readonly command: Command;
  /** Of the action that ran. */
  readonly exitCode: () => number;
}

export function buildProgram(context: CliContext, version: string): Program {
  let exitCode = 0;
  const run: ActionRunner =
    (action) =>
    async (...received) => {
      const command = received.at(-1) as Command;
      exitCode = await action(context, command.args, command.optsWithGlobals());
    };
  const program = new Command("stele")
    .description("Stele, a replicated, range-partitioned database: command line")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
    });
  addStartCommand(program, run);
  return { command: program, exitCode: () => exitCode };
}
