/**
 * Whole rows in bodies: PUT, POST, the `put` of a batch and the bare rows of a load. They take what
 * reads give: `columns`, `cells`, and beside them `key`, `version` and `found`, which say nothing new.
 */
import type { Version } from "@stele/shared/ids.ts";
import type { Column, Mutation } from "@stele/shared/row-operations.ts";
import { parseBytes, parseValue } from "./bytes-json.ts";
import { parseColumnMember } from "./column-body.ts";
import { columnIdentity } from "./column-name.ts";
import { parseVersion } from "./decimal.ts";
import type { Steps } from "./steps.ts";
import { at, invalidBody, listOf, objectOf, onlyMembers } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";

type JsonObject = Readonly<Record<string, unknown>>;

export const ROW_MEMBERS: ReadonlySet<string> = new Set([
  "key",
  "version",
  "found",
  "columns",
  "cells",
  "timestamp",
]);

const COLUMNS_A_STEP = 512;

const CELL_MEMBERS: ReadonlySet<string> = new Set(["value", "timestamp"]);

/**
 * The cells that a row's body sets, at least one, in order. `key`: the row that is written, which the
 * body may repeat.
 */
export function* parseRowBody(body: unknown, key: Buffer): Steps<readonly Mutation[]> {
  const row = objectOf(body, null);
  onlyMembers(row, ROW_MEMBERS, null);
  if (row.key !== undefined && !parseBytes(row.key, at(null, "key")).equals(key)) {
    throw invalidBody(at(null, "key"), "is not the key of the path");
  }
  return yield* parseRowCells(row, null);
}

/** The cells of a row whose other members were checked. */
export function* parseRowCells(row: JsonObject, pointer: Pointer): Steps<readonly Mutation[]> {
  if (row.version !== undefined) parseVersion(row.version, at(pointer, "version"));
  if (row.found !== undefined && row.found !== true) {
    throw invalidBody(at(pointer, "found"), "must be true: a row that was not found has no cells");
  }
  const mutations: Mutation[] = [];
  yield* addCells(mutations, row, pointer, "columns");
  if (mutations.length === 0) {
    throw invalidBody(pointer, "the row has no cell: give columns or cells");
  }
  return mutations;
}

/**
 * Adds what `columns` (or `set`, as PATCH calls it), `cells` and `timestamp` of one object say.
 */
export function* addCells(
  mutations: Mutation[],
  object: JsonObject,
  pointer: Pointer,
  newest: "columns" | "set",
): Steps<void> {
  const timestamp = parseTimestamp(object, pointer);
  const columns = object[newest];
  if (columns !== undefined) {
    yield* addNewest(
      mutations,
      objectOf(columns, at(pointer, newest)),
      timestamp,
      at(pointer, newest),
    );
  }
  if (object.cells !== undefined) {
    yield* addVersions(mutations, objectOf(object.cells, at(pointer, "cells")), timestamp, pointer);
  }
}

export function parseTimestamp(object: JsonObject, pointer: Pointer): Version | null {
  if (object.timestamp === undefined) return null;
  return parseVersion(object.timestamp, at(pointer, "timestamp"));
}

function* addNewest(
  mutations: Mutation[],
  columns: JsonObject,
  timestamp: Version | null,
  pointer: Pointer,
): Steps<void> {
  const distinct = new DistinctColumns(pointer);
  for (const name in columns) {
    const column = parseColumnMember(name, pointer);
    distinct.add(name, column);
    const { value, int64 } = parseValue(columns[name], at(pointer, name));
    mutations.push({ kind: "set", column, value, int64, timestamp });
    if (mutations.length % COLUMNS_A_STEP === 0) yield;
  }
}

function* addVersions(
  mutations: Mutation[],
  columns: JsonObject,
  timestamp: Version | null,
  parent: Pointer,
): Steps<void> {
  const pointer = at(parent, "cells");
  const distinct = new DistinctColumns(pointer);
  for (const name in columns) {
    const column = parseColumnMember(name, pointer);
    distinct.add(name, column);
    yield* addColumnVersions(mutations, column, columns[name], timestamp, at(pointer, name));
  }
}

function* addColumnVersions(
  mutations: Mutation[],
  column: Column,
  list: unknown,
  rowTimestamp: Version | null,
  pointer: Pointer,
): Steps<void> {
  const cells = listOf(list, pointer);
  if (cells.length === 0) throw invalidBody(pointer, "must hold at least one cell");
  const seen = new Set<Version | null>();
  for (const [index, item] of cells.entries()) {
    const place = at(pointer, index);
    const cell = objectOf(item, place);
    onlyMembers(cell, CELL_MEMBERS, place);
    const { value, int64 } = parseValue(cell.value, at(place, "value"));
    const timestamp = parseTimestamp(cell, place) ?? rowTimestamp;
    if (seen.has(timestamp)) throw invalidBody(place, "has the timestamp of an earlier cell");
    seen.add(timestamp);
    mutations.push({ kind: "set", column, value, int64, timestamp });
    if (mutations.length % COLUMNS_A_STEP === 0) yield;
  }
}

/** Sees the same column twice in one object, also when it is spelled in two ways. */
export class DistinctColumns {
  readonly #pointer: Pointer;
  #names: Set<string> | null = null;
  #first: Column | null = null;

  constructor(pointer: Pointer) {
    this.#pointer = pointer;
  }

  add(name: string, column: Column): void {
    if (this.#first === null) {
      this.#first = column;
      return;
    }
    this.#names ??= new Set([columnIdentity(this.#first)]);
    const identity = columnIdentity(column);
    if (this.#names.has(identity)) {
      throw invalidBody(at(this.#pointer, name), "is the same column as another of this object");
    }
    this.#names.add(identity);
  }
}
