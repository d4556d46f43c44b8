// Starts a tool of the tool chain with this Node, from the checkout's own node_modules.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Checkout root; every tool runs there. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

export const tool = {
  types: "node_modules/typescript/bin/tsc",
  lint: "node_modules/oxlint/bin/oxlint",
  format: "node_modules/oxfmt/bin/oxfmt",
  tests: "node_modules/vitest/vitest.mjs",
} as const;

export interface Command {
  readonly name: string;
  /** Script to run with Node, then its arguments. */
  readonly args: readonly string[];
}

export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs with inherited output; returns the exit code. */
export function runCommand(
  command: Command,
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = spawn(process.execPath, command.args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/** Runs with collected output, so that parallel commands do not interleave. */
export function collectCommand(command: Command): Promise<CommandResult> {
  const child = spawn(process.execPath, command.args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? 1, output }));
  });
}
