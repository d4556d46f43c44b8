/**
 * `DatabaseErrorBody` in binary: between processes, and stored where the refusal of a write is kept. Codes travel by
 * name: an older process that does not know a newer code keeps its text and shows INTERNAL.
 */
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import { ERROR_KINDS } from "../errors.ts";
import type { DatabaseErrorBody, ErrorCode } from "../errors.ts";
import type { Version } from "../ids.ts";

/** Which optional members follow, in the order of these bits. Sent on the wire and stored: never renumber. */
const HAS_HINT = 1;
const HAS_ERRORS = 2;
const APPLIED_NO = 4;
const APPLIED_UNKNOWN = 8;
const HAS_VERSION = 16;
const HAS_NO_ROW = 32;
const HAS_RETRY_AFTER = 64;
const HAS_ALLOW = 128;

export function writeError(writer: ByteWriter, error: DatabaseErrorBody): ByteWriter {
  writer.text(error.code).text(error.detail).byte(membersOf(error));
  if (error.hint !== undefined) writer.text(error.hint);
  if (error.errors !== undefined) {
    writer.list(error.errors, (to, { pointer, detail }) => to.text(pointer).text(detail));
  }
  if (error.version !== undefined && error.version !== null) writer.counter(error.version);
  if (error.retryAfterMs !== undefined) writer.varint(Math.ceil(error.retryAfterMs));
  if (error.allow !== undefined) writer.list(error.allow, (to, method) => to.text(method));
  return writer;
}

export function readError(reader: ByteReader): DatabaseErrorBody {
  const code = reader.text();
  const detail = reader.text();
  const has = reader.byte();
  if ((has & APPLIED_NO) !== 0 && (has & APPLIED_UNKNOWN) !== 0) reader.fail("applied twice");
  if ((has & HAS_VERSION) !== 0 && (has & HAS_NO_ROW) !== 0) reader.fail("version and no row");
  return {
    ...(isErrorCode(code) ? { code, detail } : { code: "INTERNAL", detail: `${code}: ${detail}` }),
    ...((has & HAS_HINT) !== 0 && { hint: reader.text() }),
    ...((has & HAS_ERRORS) !== 0 && { errors: reader.list(2, readProblem) }),
    ...((has & APPLIED_NO) !== 0 && { applied: "no" as const }),
    ...((has & APPLIED_UNKNOWN) !== 0 && { applied: "unknown" as const }),
    ...((has & HAS_VERSION) !== 0 && { version: reader.counter() as Version }),
    ...((has & HAS_NO_ROW) !== 0 && { version: null }),
    ...((has & HAS_RETRY_AFTER) !== 0 && { retryAfterMs: reader.varint() }),
    ...((has & HAS_ALLOW) !== 0 && { allow: reader.list(1, (from) => from.text()) }),
  };
}

function membersOf(error: DatabaseErrorBody): number {
  let has = 0;
  if (error.hint !== undefined) has |= HAS_HINT;
  if (error.errors !== undefined) has |= HAS_ERRORS;
  if (error.applied === "no") has |= APPLIED_NO;
  if (error.applied === "unknown") has |= APPLIED_UNKNOWN;
  if (error.version === null) has |= HAS_NO_ROW;
  else if (error.version !== undefined) has |= HAS_VERSION;
  if (error.retryAfterMs !== undefined) has |= HAS_RETRY_AFTER;
  if (error.allow !== undefined) has |= HAS_ALLOW;
  return has;
}

function readProblem(reader: ByteReader): { pointer: string; detail: string } {
  return { pointer: reader.text(), detail: reader.text() };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_KINDS, code);
}
