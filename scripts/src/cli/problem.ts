// Errors of the REST API (problem+json) as errors of the command line, with their exit codes.
import { CliError, EXIT } from "./cli-error.ts";
import type { ExitCode } from "./cli-error.ts";

export interface Problem {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly requestId?: string;
  /** Of the row now, where a condition failed; null: no row. */
  readonly version?: string | null;
  readonly applied?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

export class ProblemError extends CliError {
  readonly problem: Problem;
  /** Of the call that was refused as a whole. */
  readonly path: string | undefined;

  constructor(problem: Problem, path?: string) {
    const { code, hint } = problem;
    super(exitCodeOf(problem), messageOf(problem), { hint, code });
    this.problem = problem;
    this.path = path;
  }
}

function messageOf({ applied, detail, errors = [], status }: Problem): string {
  const what = detail ?? `the server answered ${status}`;
  // The detail of most refusals names their places itself.
  const places = errors.filter((error) => !what.includes(error.detail));
  return [
    what,
    ...places.map((error) => `${error.pointer}: ${error.detail}`),
    ...(applied === "unknown" ? ["whether it was applied is not known"] : []),
  ].join("; ");
}

/** New codes may come: what is not known goes by its status. */
function exitCodeOf({ status, code }: Problem): ExitCode {
  if (code === "ROW_EXISTS" || code === "TABLE_EXISTS") return EXIT.condition;
  if (code === "FAMILY_NOT_FOUND") return EXIT.notFound;
  switch (status) {
    case 400:
      return EXIT.usage;
    case 404:
      return EXIT.notFound;
    case 412:
      return EXIT.condition;
    case 429:
    case 502:
    case 503:
      return EXIT.unreachable;
    case 408:
    case 504:
      return EXIT.deadline;
    default:
      return EXIT.other;
  }
}

/** Whether the same request may succeed later, unchanged. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof ProblemError) {
    const { retryable, status } = error.problem;
    return retryable ?? isRetryableStatus(status);
  }
  return error instanceof CliError && error.exitCode === EXIT.unreachable;
}

export function isRetryableStatus(status: number): boolean {
  return [408, 429, 502, 503, 504].includes(status);
}

/** From the body of a failed answer, whoever wrote it. */
export function problemOf(status: number, text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { status, ...value };
  } catch {
    // A proxy's page, perhaps: the status has to do.
  }
  return { status };
}
