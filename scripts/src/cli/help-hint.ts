// Where to read on after a mistake: the help of the very command.
import type { Command } from "commander";
import { CliError, EXIT } from "./cli-error.ts";
import { fullName } from "./command-name.ts";
import { quote } from "./curl-line.ts";
import { ProblemError } from "./problem.ts";
import { tableOfPath } from "./rest-path.ts";

/** One sentence, without the indent of hints. */
export function helpHint(command: Command): string {
  const does = command.commands.length === 0 ? "tells how to call it" : "lists its commands";
  return `\`${fullName(command)} --help\` ${does}.`;
}

/** The error, with such a hint if it is about the command line or a row that is not there, without one. */
export function withHelpHint(error: unknown, command: Command): unknown {
  if (!(error instanceof CliError) || error.hint !== undefined) return error;
  if (error instanceof ProblemError) {
    const keys = error.code === "ROW_NOT_FOUND" ? keysHint(error) : "";
    if (keys === "" && error.exitCode !== EXIT.usage) return error;
    return new ProblemError({ ...error.problem, hint: keys + helpHint(command) }, error.path);
  }
  if (error.exitCode !== EXIT.usage) return error;
  const { exitCode, message, code, cause } = error;
  return new CliError(exitCode, message, { hint: helpHint(command), code, cause });
}

function keysHint({ path }: ProblemError): string {
  const table = path === undefined ? null : tableOfPath(path);
  const name = table === null ? "TABLE" : quote(table);
  return `\`stele scan ${name} --keys-only --limit 10\` shows keys that are there; `;
}
