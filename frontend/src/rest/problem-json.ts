/**
 * Errors as `application/problem+json` (RFC 9457), the same on every path.
 *
 * Every problem has type, title, status, code, detail, retryable and requestId. 429 and 503 say when
 * to come back; refused conditions say which version the row has. Nothing internal is shown: what is
 * not a `DatabaseError` becomes 500 INTERNAL and is logged.
 */
import { DatabaseError, ERROR_KINDS } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";

const DEFAULT_RETRY_AFTER_MS = 1000;

export type Problem = Readonly<Record<string, unknown>> & { readonly status: number };

export function problemOf(body: DatabaseErrorBody, requestId: string): Problem {
  const { status, title, retryable } = ERROR_KINDS[body.code];
  const { code, detail } = body;
  const type = `urn:stele:error:${code}`;
  return { type, title, status, code, detail, retryable, requestId, ...extensions(body) };
}

/** The error of one operation among many: its problem without what the reply says once. */
export function operationProblem(body: DatabaseErrorBody): Problem {
  const { status, retryable } = ERROR_KINDS[body.code];
  return { status, code: body.code, detail: body.detail, retryable, ...extensions(body) };
}

/**
 * The error of a write, which says whether the write was applied. Where the operation did not say, a
 * refusal (4xx) means no; whatever else may mean yes.
 */
export function writeError(body: DatabaseErrorBody): DatabaseErrorBody {
  if (body.applied !== undefined) return body;
  return { ...body, applied: ERROR_KINDS[body.code].status < 500 ? "no" : "unknown" };
}

/** Null: the error does not ask for a pause. */
export function retryAfterMs(body: DatabaseErrorBody): number | null {
  const { status } = ERROR_KINDS[body.code];
  if (status !== 429 && status !== 503) return body.retryAfterMs ?? null;
  return body.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS;
}

function extensions(body: DatabaseErrorBody): Record<string, unknown> {
  const { code, hint, errors, applied, version } = body;
  const members: Record<string, unknown> = {};
  if (hint !== undefined) members.hint = hint;
  if (errors !== undefined) members.errors = errors;
  if (applied !== undefined) members.applied = applied;
  if (code === "VERSION_MISMATCH" || code === "ROW_EXISTS") {
    members.version = version === undefined || version === null ? null : String(version);
  }
  const pause = retryAfterMs(body);
  if (pause !== null) members.retryAfterMs = Math.ceil(pause);
  return members;
}

/** What a failed call says for `error`; null: the error is unexpected and to be logged. */
export function expectedError(error: unknown): DatabaseErrorBody | null {
  if (error instanceof DatabaseError) return error.body;
  const code = codeOf(error);
  switch (code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return { code: "UNSUPPORTED_MEDIA_TYPE", detail: "the Content-Type header is no media type" };
    case "FST_ERR_BAD_URL":
      return { code: "INVALID_REQUEST", detail: "the URL is not percent-encoded" };
    case "FST_ERR_MAX_PARAM_LENGTH":
      return { code: "URI_TOO_LONG", detail: "a segment of the path is too long" };
    default:
      return null;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : null;
}
