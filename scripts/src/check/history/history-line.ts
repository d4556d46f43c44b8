/**
 * Reads the text form of a history: NDJSON, one operation a line, as docs/TESTING.md ("Histories") describes
 * it. `render-history-line.ts` writes it.
 *
 * L1. Strict: an unknown or missing member, another type, a value out of range is an error that names it.
 *     So is what would be read as something else: bytes that are not UTF-8, a member given twice.
 * L2. What was rendered parses to the same operation.
 */
import { at, invalidBody } from "@stele/frontend/rest/invalid-input.ts";
import type { Pointer } from "@stele/frontend/rest/invalid-input.ts";
import { parseJson } from "@stele/frontend/rest/json-text.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { HistoryFormatError } from "./history-format-error.ts";
import { Members, nullable } from "./members.ts";
import { parseIndex, parseKey, parseText, parseTimeMs } from "./member-values.ts";
import { parseRowOperation } from "./parse-row-operation.ts";
import { parseRowOutcome } from "./parse-row-outcome.ts";
import type { RecordedOperation } from "./row-operation.ts";

const MEMBERS = ["client", "call", "return", "key", "op", "result", "request", "batch"];

/** Throws `HistoryFormatError` with `number`, which counts lines from 1. */
export function parseHistoryLine(line: Buffer, number: number): RecordedOperation {
  try {
    return recordedOperation(new Members(parseJson(line, null, "the line"), null, MEMBERS));
  } catch (error) {
    if (error instanceof DatabaseError) throw new HistoryFormatError(number, problemOf(error));
    throw error;
  }
}

function recordedOperation(line: Members): RecordedOperation {
  const key = line.optional("key", parseKey);
  const operation = line.required("op", (op, pointer) => parseRowOperation(op, pointer, key));
  if (operation.kind !== "write" && line.has("request")) {
    throw invalidBody(at(null, "request"), "belongs to writes only");
  }
  return {
    client: line.required("client", parseText),
    call: line.required("call", parseTimeMs),
    operation,
    outcome: outcomeOf(line, operation),
    request: line.optional("request", parseText),
    batch: line.optional("batch", parseBatch),
  };
}

function outcomeOf(
  line: Members,
  operation: RecordedOperation["operation"],
): RecordedOperation["outcome"] {
  const call = line.required("call", parseTimeMs);
  const returned = line.required("return", nullable(parseTimeMs));
  const output = line.required("result", (result, pointer) =>
    parseRowOutcome(result, pointer, operation),
  );
  const place = at(null, "return");
  if (output === null) {
    if (returned !== null) throw invalidBody(place, "must be null: the result is unknown");
    return null;
  }
  if (returned === null) throw invalidBody(place, "is null, but the result is known");
  if (returned < call) throw invalidBody(place, "is before the call");
  return { at: returned, output };
}

function parseBatch(
  value: unknown,
  pointer: Pointer,
): { readonly id: string; readonly index: number } {
  const members = new Members(value, pointer, ["id", "index"]);
  return { id: members.required("id", parseText), index: members.required("index", parseIndex) };
}

function problemOf({ body }: DatabaseError): string {
  return body.errors === undefined ? `not valid: ${body.detail}` : body.detail;
}
