/** The member `op` of a line of a history. */
import { parseVersion } from "@stele/frontend/rest/decimal.ts";
import { at, invalidBody, listOf } from "@stele/frontend/rest/invalid-input.ts";
import type { Pointer } from "@stele/frontend/rest/invalid-input.ts";
import { Members, nullable } from "./members.ts";
import {
  parseAmount,
  parseBoolean,
  parseBound,
  parseCell,
  parseCells,
  parseColumnName,
  parseColumnNames,
  parseColumnOrFamilyName,
  parseText,
  parseTrue,
} from "./member-values.ts";
import type { ColumnTest, Expected, RowMutation, RowOperation } from "./row-operation.ts";

type ParseOp = (value: unknown, pointer: Pointer, key: string) => RowOperation;

const parsers: Readonly<Record<string, ParseOp>> = {
  get: parseGet,
  put: parsePut,
  delete: parseDelete,
  mutate: parseMutate,
  scan: parseScan,
};

const DELETE_ROW: RowMutation = { kind: "delete-row" };

/** @param key of the line; null: it has none, as a scan must */
export function parseRowOperation(
  value: unknown,
  pointer: Pointer,
  key: string | null,
): RowOperation {
  const kind = Object.hasOwn(Object(value), "kind") ? (value as { kind: unknown }).kind : undefined;
  const parse =
    typeof kind === "string" && Object.hasOwn(parsers, kind) ? parsers[kind] : undefined;
  if (parse === undefined) {
    throw invalidBody(at(pointer, "kind"), `must be one of ${Object.keys(parsers).join(", ")}`);
  }
  if (kind === "scan" && key !== null) throw invalidBody(at(null, "key"), "a scan has no key");
  if (kind !== "scan" && key === null) throw invalidBody(at(null, "key"), "is missing");
  return parse(value, pointer, key ?? "");
}

function parseGet(value: unknown, pointer: Pointer, key: string): RowOperation {
  const members = new Members(value, pointer, ["kind", "columns"]);
  return { kind: "get", key, columns: members.optional("columns", parseColumnNames) };
}

function parsePut(value: unknown, pointer: Pointer, key: string): RowOperation {
  const members = new Members(value, pointer, ["kind", "columns", "ifVersion"]);
  const columns = members.required("columns", parseCells);
  if (columns.size === 0) throw invalidBody(at(pointer, "columns"), "has no column");
  const sets = [...columns].map(([column, cell]): RowMutation => ({
    kind: "set",
    column,
    value: cell,
  }));
  const expected = expectedBy(members);
  return { kind: "write", key, expected, test: null, mutations: [DELETE_ROW, ...sets] };
}

function parseDelete(value: unknown, pointer: Pointer, key: string): RowOperation {
  const members = new Members(value, pointer, ["kind", "ifVersion"]);
  const expected = expectedBy(members);
  return { kind: "write", key, expected, test: null, mutations: [DELETE_ROW] };
}

function parseMutate(value: unknown, pointer: Pointer, key: string): RowOperation {
  const members = new Members(value, pointer, ["kind", "mutations", "ifVersion", "if"]);
  const mutations = members.required("mutations", (list, place) =>
    listOf(list, place).map((item, index) => parseMutation(item, at(place, index))),
  );
  if (mutations.length === 0) throw invalidBody(at(pointer, "mutations"), "has no mutation");
  const test = members.optional("if", parseTest);
  return { kind: "write", key, expected: expectedBy(members), test, mutations };
}

function parseScan(value: unknown, pointer: Pointer): RowOperation {
  const members = new Members(value, pointer, ["kind", "start", "end", "reverse", "columns"]);
  return {
    kind: "scan",
    start: members.optional("start", nullable(parseBound)),
    end: members.optional("end", nullable(parseBound)),
    reverse: members.optional("reverse", parseBoolean) ?? false,
    columns: members.optional("columns", parseColumnNames),
  };
}

function expectedBy(members: Members): Expected {
  if (!members.has("ifVersion")) return { kind: "anything" };
  const version = members.required("ifVersion", nullable(parseVersion));
  return version === null ? { kind: "no-row" } : { kind: "version", version };
}

function parseTest(value: unknown, pointer: Pointer): ColumnTest {
  const members = new Members(value, pointer, ["column", "equals"]);
  const column = members.required("column", parseColumnName);
  return { column, equals: members.required("equals", nullable(parseCell)) };
}

function parseMutation(value: unknown, pointer: Pointer): RowMutation {
  const all = ["set", "value", "delete", "deleteRow", "increment", "amount", "append"];
  const any = new Members(value, pointer, all);
  if (any.has("set")) {
    const members = new Members(value, pointer, ["set", "value"]);
    const column = members.required("set", parseColumnName);
    return { kind: "set", column, value: members.required("value", parseCell) };
  }
  if (any.has("append")) {
    const members = new Members(value, pointer, ["append", "value"]);
    const column = members.required("append", parseColumnName);
    return { kind: "append", column, value: members.required("value", parseCell) };
  }
  if (any.has("increment")) {
    const members = new Members(value, pointer, ["increment", "amount"]);
    const column = members.required("increment", parseColumnName);
    return { kind: "increment", column, amount: members.required("amount", parseAmount) };
  }
  if (any.has("deleteRow")) {
    new Members(value, pointer, ["deleteRow"]).required("deleteRow", parseTrue);
    return DELETE_ROW;
  }
  const members = new Members(value, pointer, ["delete"]);
  members.required("delete", parseText);
  const name = members.required("delete", parseColumnOrFamilyName);
  return name.includes(":")
    ? { kind: "delete", column: name }
    : { kind: "delete-family", family: name };
}
