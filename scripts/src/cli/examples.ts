// The examples at the end of a command's help.
import type { Command } from "commander";

/** Pairs of a command line and what it does. */
export function examples(command: Command, pairs: readonly (readonly [string, string])[]): void {
  const lines = pairs.map(([line, meaning]) => `  ${line}\n      ${meaning}`);
  command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}
