/** The signals that ask a command of many runs to end, which it must survive to say what it found. */
import { constants } from "node:os";
import { Interrupts } from "../../cli/interrupts.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * From now on aborts at the first of them, with its name as the reason; another one that is no echo of it ends this
 * process at once (interrupts.ts).
 */
export function interruptedBySignals(): AbortSignal {
  const interrupted = new AbortController();
  const interrupts = new Interrupts(() => performance.now());
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      interrupted.abort(signal);
      interrupts.take();
    });
  }
  interrupts.abandon.addEventListener("abort", () => {
    process.exit(exitCodeOf(interrupted.signal.reason as NodeJS.Signals));
  });
  return interrupted.signal;
}

/** As a shell tells of a process that the signal ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
