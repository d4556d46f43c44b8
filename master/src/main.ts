/** The master's process: `stele start master`. */
import { ConfigError, parseServerConfig } from "@stele/shared/config.ts";
import { DataDirectoryError } from "@stele/shared/process/data-directory.adapter.ts";
import { endProcessOnUncaught } from "@stele/shared/process/fatal.adapter.ts";
import { endWithLauncher } from "@stele/shared/process/launcher-pipe.adapter.ts";
import { FormingRefusedError } from "./forming/forming.ts";
import { startMaster, type MasterServer } from "./server.ts";

/** Whoever starts the first masters of a new cluster gives it to all of them, once. */
const BOOTSTRAP = "--bootstrap";

const BOOTSTRAP_HELP = `  ${BOOTSTRAP}
      Form a new cluster of all --masters; only for empty data directories.
`;

export async function runMaster(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  endProcessOnUncaught();
  endWithLauncher();
  try {
    const flags = argv.filter((argument) => argument !== BOOTSTRAP);
    const parsed = parseServerConfig("master", flags, env);
    if (parsed.kind === "help") {
      process.stdout.write(`${parsed.text}\n${BOOTSTRAP_HELP}`);
      return;
    }
    const bootstrap = flags.length < argv.length;
    const server = await startMaster(parsed.config, { bootstrap });
    server.running.catch((error: unknown) => refuse(error, server));
    let stopping = false;
    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      void server.close().then(() => process.exit(0));
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  } catch (error) {
    process.exitCode = say(error);
  }
}

/** The cluster cannot be formed with this master: an operator has to act. */
function refuse(error: unknown, server: MasterServer): void {
  const status = say(error);
  void server.close().then(() => process.exit(status));
}

/** Tells the operator; gives the exit status. What nobody expects is thrown on. */
function say(error: unknown): number {
  const isExpected =
    error instanceof ConfigError ||
    error instanceof DataDirectoryError ||
    error instanceof FormingRefusedError;
  if (!isExpected) throw error;
  process.stderr.write(`${error.message}\n`);
  return error instanceof DataDirectoryError ? 1 : 2;
}
