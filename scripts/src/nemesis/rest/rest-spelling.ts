/**
 * Operations of histories as calls of the REST API (docs/REST_API.md).
 *
 * S1. A write that no single call says in its order is a mistake of the caller: a patch applies deletes, sets,
 *     increments and appends in this order, and a row is only ever replaced as a whole.
 */
import { renderBytes } from "@stele/frontend/rest/bytes-json.ts";
import { assert, unreachable } from "@stele/shared/assert.ts";
import type {
  ColumnTest,
  GetOperation,
  RowMutation,
  ScanOperation,
  WriteOperation,
} from "../../check/history/row-operation.ts";
import type { GetManyOperation, RowsShown } from "../../workloads/store-client.ts";

export interface RestCall {
  readonly method: "GET" | "PUT" | "PATCH" | "POST" | "DELETE";
  /** Below `/v1`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text; null: none. */
  readonly body: string | null;
}

/** Bytes of a key, one character each, as JSON text. */
export function keyJson(key: string): string {
  return renderBytes(Buffer.from(key, "latin1"));
}

export function getCall(table: string, { key, columns }: GetOperation): RestCall {
  const query = columns === null ? {} : { columns: columns.map(columnInList).join(",") };
  return { method: "GET", path: rowPath(table, key), query, headers: {}, body: null };
}

export function getManyCall(table: string, { keys, columns }: GetManyOperation): RestCall {
  const members: Record<string, string> = { keys: `[${keys.map(keyJson).join(",")}]` };
  if (columns !== null) members["columns"] = JSON.stringify(columns);
  return {
    method: "POST",
    path: `/tables/${table}/rows:get`,
    query: {},
    headers: { "content-type": "application/json" },
    body: object(members),
  };
}

export function writeCall(table: string, operation: WriteOperation): RestCall {
  const { kind, members } = writeBody(operation);
  const path = rowPath(table, operation.key);
  const headers = conditionHeaders(operation);
  if (kind === "delete") return { method: "DELETE", path, query: {}, headers, body: null };
  const method = kind === "put" ? "PUT" : "PATCH";
  return {
    method,
    path,
    query: {},
    headers: { ...headers, "content-type": "application/json" },
    body: object(members),
  };
}

/** The same write within `rows:batch`, as JSON text. */
export function batchOperation(operation: WriteOperation): string {
  const { kind, members } = writeBody(operation);
  const { expected } = operation;
  const conditions: Record<string, string> = {};
  if (expected.kind === "no-row") conditions["ifVersion"] = "null";
  if (expected.kind === "version") conditions["ifVersion"] = `"${expected.version}"`;
  const body = object({ key: keyJson(operation.key), ...members });
  return object({ [kind]: body, ...conditions });
}

/** @param page.token null: the first page */
export function scanCall(
  table: string,
  { start, end, reverse, columns }: ScanOperation,
  page: { readonly token: string | null; readonly shows: RowsShown },
): RestCall {
  const members: Record<string, string> = { limit: "1000" };
  if (start !== null) members["start"] = keyJson(start);
  if (end !== null) members["end"] = keyJson(end);
  if (reverse) members["reverse"] = "true";
  if (columns !== null) members["columns"] = JSON.stringify(columns);
  if (page.shows === "keys") members["keysOnly"] = "true";
  if (page.token !== null) members["pageToken"] = JSON.stringify(page.token);
  return {
    method: "POST",
    path: `/tables/${table}/rows:scan`,
    query: {},
    headers: { "content-type": "application/json" },
    body: object(members),
  };
}

interface WriteBody {
  readonly kind: "put" | "patch" | "delete";
  /** JSON texts by name. */
  readonly members: Readonly<Record<string, string>>;
}

function writeBody({ mutations, test }: WriteOperation): WriteBody {
  const [first, ...rest] = mutations;
  if (first?.kind !== "delete-row") {
    const members = patchMembers(mutations);
    return { kind: "patch", members: test === null ? members : { if: testJson(test), ...members } };
  }
  assert(test === null, "S1: what replaces or deletes a row has no test of a column");
  if (rest.length === 0) return { kind: "delete", members: {} };
  const { set, ...others } = patchMembers(rest);
  assert(set !== undefined && Object.keys(others).length === 0, "S1: a row is replaced by sets");
  return { kind: "put", members: { columns: set } };
}

const ORDER = ["delete", "delete-family", "set", "increment", "append"] as const;

function patchMembers(mutations: readonly RowMutation[]): Record<string, string> {
  const deletes: string[] = [];
  const cells: Record<"set" | "increment" | "append", Record<string, string>> = {
    set: {},
    increment: {},
    append: {},
  };
  let place = 0;
  for (const mutation of mutations) {
    assert(mutation.kind !== "delete-row", "S1: a row is deleted before anything else");
    const at = ORDER.indexOf(mutation.kind);
    assert(at >= place, "S1: a patch applies its mutations in one order");
    // Families and columns are deleted in the order given.
    place = mutation.kind === "delete-family" ? 0 : at;
    switch (mutation.kind) {
      case "delete":
        deletes.push(JSON.stringify(mutation.column));
        break;
      case "delete-family":
        deletes.push(JSON.stringify(mutation.family));
        break;
      case "set":
      case "append":
        addCell(cells[mutation.kind], mutation.column, mutation.value);
        break;
      case "increment":
        addCell(cells.increment, mutation.column, `"${mutation.amount}"`);
        break;
      default:
        unreachable(mutation);
    }
  }
  const members: Record<string, string> = {};
  if (deletes.length > 0) members["delete"] = `[${deletes.join(",")}]`;
  for (const [name, named] of Object.entries(cells)) {
    if (Object.keys(named).length > 0) members[name] = object(named);
  }
  return members;
}

function addCell(cells: Record<string, string>, column: string, text: string): void {
  assert(!Object.hasOwn(cells, column), "S1: a patch names a column once");
  cells[column] = text;
}

function testJson({ column, equals }: ColumnTest): string {
  const name = JSON.stringify(column);
  return equals === null
    ? object({ column: name, exists: "false" })
    : object({ column: name, equals });
}

function conditionHeaders({ expected }: WriteOperation): Record<string, string> {
  switch (expected.kind) {
    case "anything":
      return {};
    case "no-row":
      return { "if-none-match": "*" };
    case "version":
      return { "if-match": `"${expected.version}"` };
    default:
      return unreachable(expected);
  }
}

function rowPath(table: string, key: string): string {
  return `/tables/${table}/rows/${octets(Buffer.from(key, "latin1"))}`;
}

/** Every octet but letters and digits is escaped, so that no library sees a path to tidy. */
function octets(bytes: Buffer): string {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

function columnInList(column: string): string {
  return column.replaceAll(",", "\\x2C");
}

/** From JSON texts. */
function object(members: Readonly<Record<string, string>>): string {
  const parts = Object.entries(members).map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  return `{${parts.join(",")}}`;
}
