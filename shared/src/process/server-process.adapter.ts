/**
 * The life of a server's process: flags, start, signals, end. Every role's `main.ts` is this around its own start.
 *
 * S1. What an operator has to mend is one message on standard error and an exit status: 2 for a start that was asked
 *     for in the wrong way, 1 for a data directory or an address that cannot be had.
 * S2. Any other error ends the process as a broken invariant does (`fatal.adapter.ts`).
 * S3. SIGTERM and SIGINT close the server, once, and the process exits with 0.
 */
import { ConfigError, parseServerConfig } from "../config.ts";
import type { ServerConfig } from "../config-knobs.ts";
import { DataDirectoryError } from "./data-directory.adapter.ts";
import { endProcessOnUncaught } from "./fatal.adapter.ts";
import { endWithLauncher } from "./launcher-pipe.adapter.ts";
import type { ServerRole } from "../server-role.ts";
import { StartRefusedError } from "./start-refused-error.ts";

export interface StartedServer {
  /** Rejects when the server cannot go on: `StartRefusedError`. */
  readonly running?: Promise<void>;
  close(): Promise<void>;
}

export interface ServerProcess {
  readonly role: ServerRole;
  /** What follows the role on the command line, but for flags that only its `start` knows. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** About those flags, for `--help`. */
  readonly ownHelp?: string;
  readonly start: (config: ServerConfig) => Promise<StartedServer>;
}

export async function runServerProcess({
  role,
  argv,
  env,
  ownHelp = "",
  start,
}: ServerProcess): Promise<void> {
  endProcessOnUncaught();
  endWithLauncher();
  try {
    const parsed = parseServerConfig(role, argv, env);
    if (parsed.kind === "help") {
      process.stdout.write(`${parsed.text}${ownHelp}`);
      return;
    }
    const server = await start(parsed.config);
    server.running?.catch((error: unknown) => {
      const status = tellOperator(error);
      void server.close().then(() => process.exit(status));
    });
    closeOnSignals(server);
  } catch (error) {
    // A start that failed half-way may hold handles that would keep the process.
    process.exit(tellOperator(error));
  }
}

function closeOnSignals(server: StartedServer): void {
  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    void server.close().then(() => process.exit(0));
  };
  process.on("SIGTERM", close);
  process.on("SIGINT", close);
}

/** S1; gives the exit status. What no operator can mend is thrown on. */
function tellOperator(error: unknown): 1 | 2 {
  const isAsked = error instanceof ConfigError || error instanceof StartRefusedError;
  if (!isAsked && !(error instanceof DataDirectoryError) && !isOfListen(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  return isAsked ? 2 : 1;
}

/** The address is taken, not ours, or not to be had. */
function isOfListen(error: unknown): error is Error {
  return error instanceof Error && Reflect.get(error, "syscall") === "listen";
}
