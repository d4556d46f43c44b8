/** Table, row key and column of a path. */
import type { FastifyRequest } from "fastify";
import { DatabaseError } from "@stele/shared/errors.ts";
import { MAX_KEY_BYTES, isRowKey } from "@stele/shared/row-key.ts";
import type { Column } from "@stele/shared/row-operations.ts";
import { ColumnNameError, columnOf, columnOrFamilyOfOctets } from "./column-name.ts";
import { invalidInput } from "./invalid-input.ts";
import { decodeKey, octetsOf } from "./path-octets.ts";
import type { KeyEncoding } from "./path-octets.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { pathParameter } from "./route.ts";

export const TABLE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,49}$/;

/** Throws 404: what no table can be called, no table is called. */
export function tableOf(request: FastifyRequest): string {
  const table = pathParameter(request, "table");
  if (TABLE_NAME.test(table)) return table;
  throw new DatabaseError({
    code: "TABLE_NOT_FOUND",
    detail: `there is no table ${JSON.stringify(table.slice(0, 100))}`,
  });
}

/** The row key of the path, in the form that `?enc=` says. Throws 400 INVALID_KEY. */
export function keyOf(request: FastifyRequest, query: QueryParameters | null): Buffer {
  const encoding = query === null ? "octets" : keyEncodingOf(query);
  const octets = octetsOf(pathParameter(request, "key"));
  if (octets === null) throw invalidKey("the key is not percent-encoded");
  const key = decodeKey(octets, encoding);
  if (key === null) throw invalidKey(`the key is not ${encoding === "hex" ? "hex" : "base64"}`);
  return checkedKey(key, "");
}

export function keyEncodingOf(query: QueryParameters): KeyEncoding {
  return query.oneOf("enc", ["b64", "hex"]) ?? "octets";
}

/** `place`: where the key stands, as in `invalidInput`; empty: in the path. */
export function checkedKey(key: Buffer, place: string): Buffer {
  if (isRowKey(key)) return key;
  const detail = `the key has ${key.length} bytes; keys have 1 to ${MAX_KEY_BYTES}`;
  if (place !== "") throw invalidInput(place, detail, "INVALID_KEY");
  throw invalidKey(detail);
}

export function columnOfPath(request: FastifyRequest): Column {
  const octets = octetsOf(pathParameter(request, "column"));
  try {
    if (octets === null) throw new ColumnNameError("is not percent-encoded");
    return columnOf(columnOrFamilyOfOctets(octets));
  } catch (error) {
    if (!(error instanceof ColumnNameError)) throw error;
    const detail = `the column of the path ${error.message}`;
    throw new DatabaseError({ code: "INVALID_REQUEST", detail });
  }
}

function invalidKey(detail: string): DatabaseError {
  return new DatabaseError({ code: "INVALID_KEY", detail });
}
