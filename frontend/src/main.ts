/** The front-end's process: `stele start frontend`. */
import { ConfigError, parseServerConfig } from "@stele/shared/config.ts";
import { DataDirectoryError } from "@stele/shared/process/data-directory.adapter.ts";
import { endProcessOnUncaught } from "@stele/shared/process/fatal.adapter.ts";
import { endWithLauncher } from "@stele/shared/process/launcher-pipe.adapter.ts";
import { startFrontend } from "./server.ts";

export async function runFrontend(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  endProcessOnUncaught();
  endWithLauncher();
  try {
    const parsed = parseServerConfig("frontend", argv, env);
    if (parsed.kind === "help") {
      process.stdout.write(parsed.text);
      return;
    }
    const server = await startFrontend(parsed.config);
    let stopping = false;
    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      void server.close().then(() => process.exit(0));
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  } catch (error) {
    const isExpected =
      error instanceof ConfigError || error instanceof DataDirectoryError || isOfListen(error);
    if (!isExpected) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof ConfigError ? 2 : 1;
  }
}

/** The address is taken, not ours, or not to be had. */
function isOfListen(error: unknown): error is Error {
  return error instanceof Error && Reflect.get(error, "syscall") === "listen";
}
