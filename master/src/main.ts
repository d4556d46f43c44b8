/** The master's process: `stele start master`. */
import { runServerProcess } from "@stele/shared/process/server-process.adapter.ts";
import { startServer } from "./server.ts";

/** Whoever starts the first masters of a new cluster gives it to all of them, once. */
const BOOTSTRAP = "--bootstrap";

const BOOTSTRAP_HELP = `
  ${BOOTSTRAP}
      Form a new cluster of all --masters; only for empty data directories.
`;

export function runMaster(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const flags = argv.filter((argument) => argument !== BOOTSTRAP);
  const bootstrap = flags.length < argv.length;
  return runServerProcess({
    role: "master",
    argv: flags,
    env,
    ownHelp: BOOTSTRAP_HELP,
    start: (config) => startServer(config, { bootstrap }),
  });
}
