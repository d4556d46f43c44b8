/**
 * The error table: every code that a client of Stele can see, with its HTTP status and who may try
 * again. One table serves REST, the command line and docs/ERRORS.md (kept equal by a test).
 *
 * Three outcomes exist in Stele: an expected result, a `DatabaseError` (the process goes on), and a
 * broken invariant or failed fsync (the process ends).
 */
import type { Version } from "./ids.ts";

interface ErrorKind {
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later, unchanged. */
  readonly retryable: boolean;
}

const kind = (status: number, title: string, retry: "retry" | "final"): ErrorKind => ({
  status,
  title,
  retryable: retry === "retry",
});

export const ERROR_KINDS = {
  INVALID_REQUEST: kind(400, "The request is not valid", "final"),
  INVALID_KEY: kind(400, "The row key is not valid", "final"),
  INVALID_CONDITION: kind(400, "The condition header is not valid", "final"),
  INVALID_PAGE_TOKEN: kind(400, "The page token is not valid", "final"),
  PAGE_TOKEN_MISMATCH: kind(400, "The page token belongs to another request", "final"),
  TOO_MANY_FAILURES: kind(400, "Too many lines of the load failed", "final"),
  HOST_NOT_ALLOWED: kind(403, "This Host is not served", "final"),
  PATH_NOT_FOUND: kind(404, "There is no such path", "final"),
  TABLE_NOT_FOUND: kind(404, "There is no such table", "final"),
  ROW_NOT_FOUND: kind(404, "There is no such row", "final"),
  CELL_NOT_FOUND: kind(404, "There is no such cell", "final"),
  TABLET_NOT_FOUND: kind(404, "There is no such tablet", "final"),
  SERVER_NOT_FOUND: kind(404, "There is no such server", "final"),
  METHOD_NOT_ALLOWED: kind(405, "The path does not take this method", "final"),
  REQUEST_TIMEOUT: kind(408, "The request did not arrive in time", "retry"),
  TABLE_EXISTS: kind(409, "The table exists already", "final"),
  ROW_EXISTS: kind(409, "The row exists already", "final"),
  NOT_ENOUGH_SERVERS: kind(409, "Too few tablet servers are alive", "final"),
  OPERATION_CONFLICT: kind(409, "Another operation is in the way", "retry"),
  DELETION_PROTECTED: kind(409, "The table is protected from deletion", "final"),
  VERSION_MISMATCH: kind(412, "The row's version does not meet the condition", "final"),
  TOO_LARGE: kind(413, "The body or value is too large", "final"),
  URI_TOO_LONG: kind(414, "The URL is too long", "final"),
  UNSUPPORTED_MEDIA_TYPE: kind(415, "The media type is not taken here", "final"),
  FAMILY_NOT_FOUND: kind(422, "The table has no such column family", "final"),
  NOT_A_NUMBER: kind(422, "The cell is not a 64-bit integer", "final"),
  INT64_OVERFLOW: kind(422, "The sum does not fit 64 bits", "final"),
  ROW_TOO_LARGE: kind(422, "The row would become too large", "final"),
  IDEMPOTENCY_MISMATCH: kind(422, "The Idempotency-Key was used for another request", "final"),
  NOT_RANGE_PARTITIONED: kind(422, "The table is not partitioned by range", "final"),
  THROTTLED: kind(429, "The server is overloaded", "retry"),
  HEADERS_TOO_LARGE: kind(431, "The headers are too large", "final"),
  INTERNAL: kind(500, "The server failed", "final"),
  CORRUPT_DATA: kind(500, "No replica can serve undamaged data", "final"),
  NO_QUORUM: kind(503, "The tablet has no majority of replicas", "retry"),
  UNAVAILABLE: kind(503, "The service cannot answer now", "retry"),
  DEADLINE: kind(504, "The deadline passed", "retry"),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** Where one input is wrong: a JSON pointer, `?name` of a query parameter, or a header name. */
export interface InputProblem {
  readonly pointer: string;
  readonly detail: string;
}

/** Everything of an error that crosses process boundaries. */
export interface DatabaseErrorBody {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly errors?: readonly InputProblem[] | undefined;
  /** Failed writes only: whether the write may have taken effect. */
  readonly applied?: "no" | "unknown" | undefined;
  /** 409 ROW_EXISTS and 412: the row's version now; null: no row. */
  readonly version?: Version | null | undefined;
  /** 429 and 503: when to come back. */
  readonly retryAfterMs?: number | undefined;
  /** 405: the methods that the path takes. */
  readonly allow?: readonly string[] | undefined;
}

/** An expected failure. `cause` stays inside the process. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly body: DatabaseErrorBody;

  constructor(body: DatabaseErrorBody, cause?: unknown) {
    super(`${body.code}: ${body.detail}`, cause === undefined ? undefined : { cause });
    this.body = body;
  }

  get code(): ErrorCode {
    return this.body.code;
  }

  get status(): number {
    return ERROR_KINDS[this.body.code].status;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.body.code].retryable;
  }
}
