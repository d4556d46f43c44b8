// Asks before something is destroyed.
import { createInterface } from "node:readline/promises";
import { CliError, EXIT, usageError } from "./cli-error.ts";
import type { CliContext } from "./context.ts";

export interface Destruction {
  /** What will be gone, as a sentence. */
  readonly what: string;
  /** What the person has to type. */
  readonly name: string;
  readonly yes: boolean;
}

/** Throws unless the person agrees. Where nobody can be asked, only --yes agrees. */
export async function confirmDestruction(
  context: CliContext,
  { what, name, yes }: Destruction,
): Promise<void> {
  if (yes) return;
  if (context.stdin.isTTY !== true || context.stderr.isTTY !== true) {
    throw usageError(`${what}; nobody can be asked here`, "Add --yes to do it.");
  }
  const questions = createInterface({ input: context.stdin, output: context.stderr });
  try {
    const answer = await questions.question(`${what}.\nType ${name} to go on: `, {
      signal: context.interrupt,
    });
    if (answer.trim() !== name) throw new CliError(EXIT.other, "not confirmed; nothing was done");
  } catch (error) {
    if (context.interrupt.aborted) throw new CliError(EXIT.interrupted, "nothing was done");
    throw error;
  } finally {
    questions.close();
  }
}
