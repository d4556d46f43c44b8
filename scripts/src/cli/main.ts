// Entry of the `stele` command: the process around run-cli.ts and around a single server.
import manifest from "../../package.json" with { type: "json" };
import { Interrupts } from "./interrupts.ts";
import { isServerRole, runServer } from "./server-role.ts";

const INTERRUPTED = 130;

const args = process.argv.slice(2);
const [command, role] = args;

if (args.length === 1 && command === "--version") {
  console.log(manifest.version);
} else if (command === "start" && isServerRole(role)) {
  await runServer(role, args.slice(2));
} else {
  const exitCode = await runCommandLine();
  for (const stream of [process.stdout, process.stderr]) await flushed(stream);
  // A standard input that nobody closes would hold the process.
  process.exit(exitCode);
}

async function runCommandLine(): Promise<number> {
  const { runCli } = await import("./run-cli.ts");
  const interrupts = new Interrupts(() => performance.now());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interrupts.take());
  }
  // A launcher still has servers to end.
  if (command !== "start") {
    interrupts.abandon.addEventListener("abort", () => process.exit(INTERRUPTED));
  }
  // The reader of a pipe may leave early, as `head` does.
  process.stdout.on("error", endOnBrokenPipe);
  process.stderr.on("error", endOnBrokenPipe);
  return runCli(args, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    interrupt: interrupts.interrupt,
    abandon: interrupts.abandon,
  });
}

function endOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => stream.write("", () => resolve()));
}
