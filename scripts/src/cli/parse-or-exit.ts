// The command lines of what is run by `npm run`.
import { CommanderError } from "commander";
import type { Command } from "commander";
import { EXIT } from "./cli-error.ts";

/** The options of this process. What cannot be parsed ends it with the exit code of wrong usage, --help with 0. */
export function parseOrExit<Options extends object>(command: Command): Options {
  try {
    return command.exitOverride().parse().opts<Options>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  }
}
