/**
 * Structured log lines, passed in. Fields name what the line is about, in the vocabulary of the
 * glossary and with units in their names; the message is a fixed sentence, so that lines can be found.
 */
export interface LogFields {
  readonly [name: string]: unknown;
}

export interface Log {
  /** Someone has to act, or something was lost. */
  error(fields: LogFields, message: string): void;
  /** Unexpected, and the system coped. */
  warn(fields: LogFields, message: string): void;
  /** Milestones of a process's life: a few a minute at most. */
  info(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  /** A log whose lines carry these fields too. */
  with(fields: LogFields): Log;
}

export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const ignore = (): void => undefined;

export const silentLog: Log = {
  error: ignore,
  warn: ignore,
  info: ignore,
  debug: ignore,
  with: () => silentLog,
};
