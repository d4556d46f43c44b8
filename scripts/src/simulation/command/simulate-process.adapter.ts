/** The process around the command: its signals, its pipes, its exit code. */
import { availableParallelism } from "node:os";
import { interruptedBySignals } from "./interrupted.adapter.ts";
import { simulate } from "./simulate.adapter.ts";

/** @param runModule exports `runSeed` */
export async function simulateInThisProcess(runModule: URL): Promise<void> {
  // The reader of a pipe may leave early, as `head` does.
  process.stdout.on("error", endOnBrokenPipe);
  process.stderr.on("error", endOnBrokenPipe);
  const exitCode = await simulate(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    cores: availableParallelism(),
    runModule,
    interrupted: interruptedBySignals,
  });
  for (const stream of [process.stdout, process.stderr]) await flushed(stream);
  // Not by running out of work: while that takes its handlers away, a second signal would end it in another way.
  process.exit(exitCode);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => stream.write("", () => resolve()));
}

function endOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
}
