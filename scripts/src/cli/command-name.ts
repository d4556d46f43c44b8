// How a command of the tree is called: `stele table show`.
import type { Command } from "commander";

export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
