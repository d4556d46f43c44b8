/** The tablet server's process: `stele start tablet-server`. */
import { runServerProcess } from "@stele/shared/process/server-process.adapter.ts";
import { startServer } from "./server.ts";

export function runTabletServer(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  return runServerProcess({ role: "tablet-server", argv, env, start: startServer });
}
