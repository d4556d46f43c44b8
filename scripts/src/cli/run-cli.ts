// One run of the command line: arguments in, exit code out. Knows no process, so tests call it.
import { CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { CliError, EXIT } from "./cli-error.ts";
import type { CliContext } from "./context.ts";
import { printText } from "./key-text.ts";
import { ProblemError } from "./problem.ts";
import { buildProgram } from "./program.ts";
import type { GlobalOptions } from "./session.ts";

/** @param args behind `stele` */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const { version } = manifest;
  const serverFlags = args.includes("start")
    ? (await import("./server-flags.ts")).serverFlags()
    : [];
  const program = buildProgram({ context, version, serverFlags });
  try {
    await program.command.parseAsync(args, { from: "user" });
    return program.exitCode();
  } catch (error) {
    // Commander has printed its message itself; help and version end with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    context.stderr.write(errorText(error, program.command.opts<GlobalOptions>()));
    return error.exitCode;
  }
}

/** For people, unless they asked for JSON. Servers' words may hold bytes of any row. */
function errorText(error: CliError, { output, verbose }: GlobalOptions): string {
  const { message, hint, code } = error;
  const problem = error instanceof ProblemError ? error.problem : null;
  if (output === "json") {
    return `${JSON.stringify(problem ?? { code, detail: message, hint }, null, 2)}\n`;
  }
  const lines = [
    `stele: ${printLines(message)}${code === undefined ? "" : ` (${code})`}`,
    ...(hint === undefined ? [] : [`  ${printLines(hint)}`]),
    ...(verbose === true && problem !== null ? [`  request ${problem.requestId}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function printLines(text: string): string {
  return text.split("\n").map(printText).join("\n");
}
