// Writes of one row: set (merge), put (replace), delete.
import { fromJsonBytes, toJsonBytes } from "../json-bytes.ts";
import type { JsonBytes, JsonValue } from "../json-bytes.ts";
import { printKey } from "../key-text.ts";
import { parseKey } from "../key-text.ts";
import { readAssignments, readInputFile, readStdin } from "../assignments.ts";
import type { Assignment } from "../assignments.ts";
import { usageError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { writeRecord } from "../output/records.ts";
import type { RestReply, RestRequest } from "../rest-client.ts";
import { cellPath, rowPath } from "../rest-path.ts";
import { conditionHeaders, withConditionWords } from "../row-conditions.ts";
import type { ConditionalWrite, ConditionOptions } from "../row-conditions.ts";
import { withSession } from "../session.ts";
import type { GlobalOptions, Session } from "../session.ts";

export interface WriteOptions extends GlobalOptions, ConditionOptions {
  readonly timestamp?: string;
  readonly int64?: boolean;
  readonly row?: string;
  readonly columns?: readonly string[];
}

interface WriteAnswer {
  readonly key: JsonBytes;
  readonly version: string | null;
}

/** Above it a single value travels as bytes, not as JSON, which a large one would not fit. */
const JSON_VALUE_BYTES_MAX = 1024 * 1024;

export function setCells(
  context: CliContext,
  [table = "", keyText = "", ...texts]: readonly string[],
  options: WriteOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const key = parseKey(keyText);
    const write = { ...options, does: "write", table, key } as const;
    const assignments = await readAssignments(texts, context);
    const [only] = assignments;
    const isLarge = assignments.length === 1 && (only?.value.length ?? 0) > JSON_VALUE_BYTES_MAX;
    const { timestamp } = options;
    const request: RestRequest =
      only !== undefined && isLarge && options.int64 !== true
        ? {
            ...merged(cellPath(table, key, only.column), { timestamp }),
            method: "PUT",
            body: { kind: "bytes", bytes: only.value },
          }
        : {
            ...rowPath(table, key),
            method: "PATCH",
            body: { kind: "json", value: { set: jsonColumns(assignments, options), timestamp } },
          };
    await writeAnswer(session, await sent(session, request, write));
  });
}

export function putRow(
  context: CliContext,
  [table = "", keyText = "", ...texts]: readonly string[],
  options: WriteOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const key = parseKey(keyText);
    const write = { ...options, does: "write", table, key } as const;
    const { row: source, timestamp } = options;
    if ((source === undefined) === (texts.length === 0)) {
      throw usageError("put takes either FAMILY:QUALIFIER=VALUE ... or --row");
    }
    const content =
      source === undefined
        ? { columns: jsonColumns(await readAssignments(texts, context), options) }
        : await readRowJson(source, context);
    const body = { kind: "json", value: { ...content, timestamp } } as const;
    const request: RestRequest = { ...rowPath(table, key), method: "PUT", body };
    await writeAnswer(session, await sent(session, request, write));
  });
}

export function deleteRow(
  context: CliContext,
  [table = "", keyText = "", ...named]: readonly string[],
  options: WriteOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const key = parseKey(keyText);
    const write = { ...options, does: "delete", table, key } as const;
    const columns = [...named, ...(options.columns ?? [])];
    if (columns.length === 0) {
      await sent(session, { ...rowPath(table, key), method: "DELETE" }, write);
      return;
    }
    const body = { kind: "json", value: { delete: columns } } as const;
    const request: RestRequest = { ...rowPath(table, key), method: "PATCH", body };
    await writeAnswer(session, await sent(session, request, write));
  });
}

/** With the write's conditions. */
async function sent(
  { client }: Session,
  request: RestRequest,
  write: ConditionalWrite,
): Promise<RestReply> {
  const headers = conditionHeaders(write);
  try {
    return await client.call({ ...request, headers });
  } catch (error) {
    throw withConditionWords(error, write);
  }
}

function jsonColumns(
  assignments: readonly Assignment[],
  { int64 }: WriteOptions,
): Record<string, JsonValue> {
  const columns = new Map<string, JsonValue>();
  for (const { column, value } of assignments) {
    columns.set(column, int64 === true ? jsonInt64(column, value) : toJsonBytes(value));
  }
  return Object.fromEntries(columns);
}

function jsonInt64(column: string, value: Buffer): JsonValue {
  const text = value.toString("utf8").trim();
  if (!/^-?\d{1,19}$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
    throw usageError(`the value of ${column} is not a 64-bit integer: ${JSON.stringify(text)}`);
  }
  return { int64: BigInt(text).toString() };
}

/** What `get -o json` gave; whose row it was does not matter. */
async function readRowJson(source: string, context: CliContext): Promise<object> {
  const bytes = source === "-" ? await readStdin(context) : await readInputFile(source);
  let row: unknown;
  try {
    row = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw usageError(`${source} is not JSON: ${(error as Error).message}`);
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw usageError(`${source} is not a row: an object with "columns" or "cells"`);
  }
  const { key: _key, version: _version, ...content } = row as Record<string, unknown>;
  return content;
}

async function writeAnswer(session: Session, reply: RestReply): Promise<void> {
  const { context, format } = session;
  await writeRecord(reply.json<WriteAnswer>(), {
    context,
    format,
    fields: [
      { name: "key", text: ({ key }) => printKey(fromJsonBytes(key)) },
      { name: "version", text: ({ version }) => version ?? "(no row)", isNumber: true },
    ],
  });
}

function merged<T extends { readonly query: object }>(path: T, query: object): T {
  return { ...path, query: { ...path.query, ...query } };
}
