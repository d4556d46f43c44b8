/**
 * The definition of a table that a create call asks for: checked again here, whoever the caller is, and made
 * the same whatever the order in which it was written.
 */
import { createHash } from "node:crypto";
import { DatabaseError, type InputProblem } from "@stele/shared/errors.ts";
import { compareRowKeys, isRowKey } from "@stele/shared/row-key.ts";
import type { FamilyRule } from "@stele/shared/tablet-descriptor.ts";
import type { CreateTable } from "@stele/shared/wire/admin-views.ts";

const TABLE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,49}$/;
const FAMILY_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const FAMILIES_MAX = 1000;
const SPLIT_KEYS_MAX = 10_000;
/** One log entry holds them all. */
const SPLIT_KEY_BYTES_MAX = 4 * 1024 * 1024;

export interface TableDefinition {
  readonly name: string;
  /** By name. */
  readonly families: readonly { readonly name: string; readonly rule: FamilyRule }[];
  /** Ascending, distinct. */
  readonly splitKeys: readonly Buffer[];
  readonly replicas: 1 | 3 | 5 | null;
  readonly deletionProtection: boolean;
}

/** Throws INVALID_REQUEST with every problem, INVALID_KEY or TOO_LARGE. */
export function tableDefinition(table: CreateTable): TableDefinition {
  const problems = problemsOf(table);
  if (problems.length > 0) {
    const detail = "the table cannot be made as asked";
    throw new DatabaseError({ code: "INVALID_REQUEST", detail, errors: problems });
  }
  if (!table.splitKeys.every(isRowKey)) {
    const detail = "a split key is a row key: 1 to 4096 bytes";
    throw new DatabaseError({ code: "INVALID_KEY", detail });
  }
  const bytes = table.splitKeys.reduce((sum, key) => sum + key.length, 0);
  if (bytes > SPLIT_KEY_BYTES_MAX) {
    const detail = `the split keys have ${bytes} bytes together, at most ${SPLIT_KEY_BYTES_MAX}`;
    throw new DatabaseError({ code: "TOO_LARGE", detail });
  }
  const families = Object.entries(table.families)
    .map(([name, { maxVersions }]) => ({ name, rule: { maxVersions } }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const { name, splitKeys, replicas, deletionProtection } = table;
  return { name, families, splitKeys, replicas, deletionProtection };
}

function problemsOf({ name, families, splitKeys }: CreateTable): InputProblem[] {
  const problems: InputProblem[] = [];
  if (!TABLE_NAME.test(name)) {
    problems.push({ pointer: "/name", detail: `must match ${TABLE_NAME.source}` });
  }
  const names = Object.keys(families);
  if (names.length === 0 || names.length > FAMILIES_MAX) {
    problems.push({ pointer: "/families", detail: `must hold 1 to ${FAMILIES_MAX} families` });
  }
  for (const family of names) {
    if (FAMILY_NAME.test(family) && family !== "__proto__") continue;
    const detail = `a family name must match ${FAMILY_NAME.source}`;
    problems.push({ pointer: `/families/${family}`, detail });
  }
  if (splitKeys.length > SPLIT_KEYS_MAX) {
    problems.push({ pointer: "/splitKeys", detail: `must hold at most ${SPLIT_KEYS_MAX} keys` });
  }
  const unsorted = splitKeys.findIndex((key, at) => {
    const before = splitKeys[at - 1];
    return before !== undefined && compareRowKeys(before, key) >= 0;
  });
  if (unsorted > 0) {
    problems.push({ pointer: `/splitKeys/${unsorted}`, detail: "must be above the key before it" });
  }
  return problems;
}

/** Equal for equal definitions only. */
export function fingerprintOf(definition: TableDefinition): string {
  const { splitKeys, ...rest } = definition;
  const keys = splitKeys.map((key) => key.toString("base64"));
  return createHash("sha256")
    .update(JSON.stringify([rest, keys]))
    .digest("base64");
}
