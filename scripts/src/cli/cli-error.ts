// Why a command failed, with the exit code that says so to scripts.
export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  condition: 4,
  unreachable: 5,
  deadline: 6,
  partial: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface CliErrorOptions {
  /** What the user can do next. */
  readonly hint?: string | undefined;
  /** The server's code, when it came from there. */
  readonly code?: string | undefined;
  readonly cause?: unknown;
}

export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;
  readonly code: string | undefined;

  constructor(exitCode: ExitCode, message: string, options: CliErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode;
    this.hint = options.hint;
    this.code = options.code;
  }
}

export function usageError(message: string, hint?: string): CliError {
  return new CliError(EXIT.usage, message, { hint });
}
