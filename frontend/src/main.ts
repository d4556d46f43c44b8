/** The front-end's process: `stele start frontend`. */
import { runServerProcess } from "@stele/shared/process/server-process.adapter.ts";
import { startFrontend } from "./server.ts";

export function runFrontend(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  return runServerProcess({ role: "frontend", argv, env, start: startFrontend });
}
