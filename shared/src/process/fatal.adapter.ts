/**
 * The end of a process whose invariants are broken or whose disk failed: one line on standard error,
 * then SIGABRT to itself (exit status 134 in a shell), which no handler delays. The next start
 * recovers from what is durable, as after any crash.
 *
 * F1. Nothing is retried, flushed or closed: after a failed fsync, every further write could turn a
 *     loss that is known into one that is not.
 * F2. The line is written before the process ends, whatever the log's own buffering.
 */
import { writeSync } from "node:fs";
import { inspect } from "node:util";

const STANDARD_ERROR = 2;
/** How pino counts `fatal`, so that the line reads like those of the log. */
const FATAL_LEVEL = 60;

/** `reason` is a sentence for the operator; `error` is what happened. May be called in any thread. */
export function endProcess(reason: string, error?: unknown): never {
  try {
    writeSync(STANDARD_ERROR, `${fatalLine(reason, error)}\n`);
  } finally {
    process.kill(process.pid, "SIGABRT");
  }
  // Reached only if the signal was blocked by whoever started this process.
  process.abort();
}

/** Errors that nobody caught end the process, with the reason on standard error. Call once, early. */
export function endProcessOnUncaught(): void {
  process.on("uncaughtException", (error) => endProcess("an error was not caught", error));
  process.on("unhandledRejection", (error) => endProcess("a rejection was not handled", error));
}

/** One line of JSON. */
function fatalLine(reason: string, error?: unknown): string {
  const happened = error === undefined ? "" : `: ${messagesOf(error).join(": ")}`;
  return JSON.stringify({
    level: FATAL_LEVEL,
    time: Date.now(),
    pid: process.pid,
    msg: `the process ends: ${reason}${happened}`,
    stack: error instanceof Error ? error.stack : undefined,
  });
}

const CAUSES_MAX = 8;

/** Of the error and its causes, outermost first. */
function messagesOf(error: unknown): string[] {
  const messages: string[] = [];
  let current: unknown = error;
  while (current !== undefined && messages.length < CAUSES_MAX) {
    messages.push(current instanceof Error ? current.message : inspect(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return messages;
}
