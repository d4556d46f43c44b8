// Entry of the `stele` command: the process around run-cli.ts and around a single server.
import manifest from "../../package.json" with { type: "json" };
import { isServerRole, runServer } from "./server-role.ts";

const args = process.argv.slice(2);
const [command, role] = args;

if (args.length === 1 && command === "--version") {
  console.log(manifest.version);
} else if (command === "start" && isServerRole(role)) {
  await runServer(role, args.slice(2));
} else {
  process.exitCode = await runCommandLine();
}

async function runCommandLine(): Promise<number> {
  const { runCli } = await import("./run-cli.ts");
  const interrupt = new AbortController();
  const abandon = new AbortController();
  const onSignal = (): void => (interrupt.signal.aborted ? abandon : interrupt).abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  // The reader of a pipe may leave early, as `head` does.
  process.stdout.on("error", endOnBrokenPipe);
  process.stderr.on("error", endOnBrokenPipe);
  return runCli(args, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    interrupt: interrupt.signal,
    abandon: abandon.signal,
  });
}

function endOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
}
