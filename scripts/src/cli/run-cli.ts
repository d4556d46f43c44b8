// One run of the command line: arguments in, exit code out. Knows no process, so tests call it.
import { CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { CliError, EXIT } from "./cli-error.ts";
import type { CliContext } from "./context.ts";
import { buildProgram } from "./program.ts";

/** @param args behind `stele` */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const program = buildProgram(context, manifest.version);
  try {
    await program.command.parseAsync(args, { from: "user" });
    return program.exitCode();
  } catch (error) {
    // Commander has printed its message itself; help and version end with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    context.stderr.write(`stele: ${error.message}\n`);
    if (error.hint !== undefined) context.stderr.write(`  ${error.hint}\n`);
    return error.exitCode;
  }
}
