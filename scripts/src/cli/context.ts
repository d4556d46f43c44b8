// What a command may touch of the outside: streams, environment, interruption. Tests pass their own.
import type { Readable, Writable } from "node:stream";

export type Input = Readable & { readonly isTTY?: boolean };
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface CliContext {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires at the first Ctrl-C or SIGTERM: stop in order, say how to go on. */
  readonly interrupt: AbortSignal;
  /** Fires at a second one that is no echo of the first (interrupts.ts): stop at once. */
  readonly abandon: AbortSignal;
}
