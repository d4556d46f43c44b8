/**
 * The body of a PATCH: one atomic list of mutations, in the fixed order delete, set, cells, increment,
 * append, chosen by an optional test.
 */
import type { Mutation, Predicate } from "@stele/shared/row-operations.ts";
import type { Version } from "@stele/shared/ids.ts";
import { parseBytes } from "./bytes-json.ts";
import { parseColumn, parseColumnMember, parseColumnOrFamily } from "./column-body.ts";
import { int64Of, parseVersion } from "./decimal.ts";
import { at, invalidBody, listOf, nameOfType, objectOf, onlyMembers } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";
import { parsePredicate } from "./predicate-body.ts";
import type { Steps } from "./steps.ts";
import { DistinctColumns, addCells, parseTimestamp } from "./row-body.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const MUTATION_NAMES = ["delete", "set", "cells", "increment", "append", "timestamp"] as const;
const MUTATION_MEMBERS: ReadonlySet<string> = new Set(MUTATION_NAMES);
export const PATCH_MEMBERS: ReadonlySet<string> = new Set(["if", "else", ...MUTATION_NAMES]);
const DELETE_MEMBERS: ReadonlySet<string> = new Set(["column", "from", "to"]);

export interface Patch {
  readonly predicate: Predicate | null;
  readonly mutations: readonly Mutation[];
  readonly otherwise: readonly Mutation[];
}

export function* parsePatchBody(body: unknown): Steps<Patch> {
  const patch = objectOf(body, null);
  onlyMembers(patch, PATCH_MEMBERS, null);
  return yield* parsePatch(patch, null);
}

/** `patch`: an object whose member names were checked. */
export function* parsePatch(patch: JsonObject, pointer: Pointer): Steps<Patch> {
  const predicate = patch.if === undefined ? null : parsePredicate(patch.if, at(pointer, "if"));
  const mutations = yield* parseMutations(patch, pointer);
  const otherwise = yield* parseOtherwise(patch, pointer);
  if (mutations.length + otherwise.length === 0) {
    throw invalidBody(pointer, "the patch has no mutation");
  }
  return { predicate, mutations, otherwise };
}

function* parseOtherwise(patch: JsonObject, pointer: Pointer): Steps<readonly Mutation[]> {
  if (patch.else === undefined) return [];
  const place = at(pointer, "else");
  if (patch.if === undefined) throw invalidBody(place, "needs an if");
  const otherwise = objectOf(patch.else, place);
  onlyMembers(otherwise, MUTATION_MEMBERS, place);
  return yield* parseMutations(otherwise, place);
}

function* parseMutations(object: JsonObject, pointer: Pointer): Steps<readonly Mutation[]> {
  const mutations: Mutation[] = [];
  if (object.delete !== undefined) addDeletes(mutations, object.delete, at(pointer, "delete"));
  yield* addCells(mutations, object, pointer, "set");
  const timestamp = parseTimestamp(object, pointer);
  if (object.increment !== undefined) {
    addIncrements(mutations, object.increment, timestamp, at(pointer, "increment"));
  }
  if (object.append !== undefined) {
    addAppends(mutations, object.append, timestamp, at(pointer, "append"));
  }
  return mutations;
}

function addDeletes(mutations: Mutation[], value: unknown, pointer: Pointer): void {
  for (const [index, item] of listOf(value, pointer).entries()) {
    mutations.push(parseDelete(item, at(pointer, index)));
  }
}

function parseDelete(item: unknown, pointer: Pointer): Mutation {
  if (typeof item === "string") {
    const { family, qualifier } = parseColumnOrFamily(item, pointer);
    if (qualifier === null) return { kind: "delete-family", family };
    return { kind: "delete-column", column: { family, qualifier }, from: null, to: null };
  }
  const range = objectOf(item, pointer);
  onlyMembers(range, DELETE_MEMBERS, pointer);
  return {
    kind: "delete-column",
    column: parseColumn(range.column, at(pointer, "column")),
    from: range.from === undefined ? null : parseVersion(range.from, at(pointer, "from")),
    to: range.to === undefined ? null : parseVersion(range.to, at(pointer, "to")),
  };
}

function addIncrements(
  mutations: Mutation[],
  value: unknown,
  timestamp: Version | null,
  pointer: Pointer,
): void {
  const amounts = objectOf(value, pointer);
  const distinct = new DistinctColumns(pointer);
  for (const name in amounts) {
    const column = parseColumnMember(name, pointer);
    distinct.add(name, column);
    const amount = parseAmount(amounts[name], at(pointer, name));
    mutations.push({ kind: "increment", column, amount, timestamp });
  }
}

function parseAmount(value: unknown, pointer: Pointer): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  const amount = typeof value === "string" ? int64Of(value) : null;
  if (amount !== null) return amount;
  const given = typeof value === "number" || typeof value === "string" ? "this" : nameOfType(value);
  throw invalidBody(
    pointer,
    `must be an integer within 2^53, or a 64-bit integer as a decimal string, not ${given}`,
  );
}

function addAppends(
  mutations: Mutation[],
  value: unknown,
  timestamp: Version | null,
  pointer: Pointer,
): void {
  const pieces = objectOf(value, pointer);
  const distinct = new DistinctColumns(pointer);
  for (const name in pieces) {
    const column = parseColumnMember(name, pointer);
    distinct.add(name, column);
    const piece = parseBytes(pieces[name], at(pointer, name));
    mutations.push({ kind: "append", column, value: piece, timestamp });
  }
}
