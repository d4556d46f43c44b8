/**
 * `DatabaseErrorBody` as JSON, in the replies of the routes between processes. A code that this
 * process does not know, from a newer peer, keeps its text and shows as INTERNAL.
 */
import { z } from "zod";
import { DatabaseError, ERROR_KINDS } from "../errors.ts";
import type { DatabaseErrorBody, ErrorCode } from "../errors.ts";
import type { Version } from "../ids.ts";

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_KINDS, code);

const problem = z.strictObject({ pointer: z.string(), detail: z.string() });

const counter = z.int().nonnegative();

const errorBody = z.object({
  code: z.string(),
  detail: z.string(),
  hint: z.string().optional(),
  errors: z.array(problem).optional(),
  applied: z.enum(["no", "unknown"]).optional(),
  version: counter
    .transform((value) => value as Version)
    .nullable()
    .optional(),
  retryAfterMs: z.number().nonnegative().optional(),
  allow: z.array(z.string()).optional(),
});

export function encodeErrorBody(body: DatabaseErrorBody): Buffer {
  return Buffer.from(JSON.stringify(body));
}

/** Null: the bytes are no error of ours. */
export function decodeErrorBody(bytes: Buffer): DatabaseError | null {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch {
    return null;
  }
  const parsed = errorBody.safeParse(json);
  if (!parsed.success) return null;
  const { code, detail, ...rest } = parsed.data;
  if (isErrorCode(code)) return new DatabaseError({ code, detail, ...rest });
  return new DatabaseError({ code: "INTERNAL", detail: `${code}: ${detail}`, ...rest });
}
