/**
 * Answers of the REST API as outcomes of histories.
 *
 * A1. Null is an unknown outcome. A write failed for certain only where the answer says that nothing was applied.
 */
import { parseVersion } from "@stele/frontend/rest/decimal.ts";
import { ERROR_KINDS } from "@stele/shared/errors.ts";
import type { ErrorCode } from "@stele/shared/errors.ts";
import { parseCells, parseKey } from "../../check/history/member-values.ts";
import type { FailedOutcome, ScannedOutcome } from "../../check/history/row-operation.ts";
import type { ReadAnswer, RowsShown, WriteAnswer } from "../../workloads/store-client.ts";

export interface RestAnswer {
  readonly status: number;
  /** Parsed JSON; null where the status has no body. */
  readonly body: unknown;
}

type Members = Readonly<Record<string, unknown>>;

export function readOutcome({ status, body }: RestAnswer): ReadAnswer {
  const members = membersOf(body);
  if (status === 200) {
    const version = parseVersion(members["version"], null);
    return { kind: "read", row: { version, columns: parseCells(members["columns"], null) } };
  }
  if (members["code"] === "ROW_NOT_FOUND") return { kind: "read", row: null };
  return readFailure(members);
}

/** Of `rows:get`, a key each; "no-rows": the call failed as a whole. */
export type ManyReads =
  | {
      readonly kind: "rows";
      readonly rows: readonly { readonly key: string; readonly read: ReadAnswer }[];
    }
  | { readonly kind: "no-rows"; readonly read: FailedOutcome | null };

export function manyReads({ status, body }: RestAnswer): ManyReads {
  const members = membersOf(body);
  if (status >= 400) return { kind: "no-rows", read: readFailure(members) };
  const rows = (members["rows"] as readonly Members[]).map((row) => ({
    key: parseKey(row["key"], null),
    read: readOfMany(row),
  }));
  return { kind: "rows", rows };
}

function readOfMany(row: Members): ReadAnswer {
  if (row["found"] === false) return { kind: "read", row: null };
  return readOutcome({ status: (row["status"] as number | undefined) ?? 200, body: row });
}

export type ScanPage =
  | { readonly rows: ScannedOutcome["rows"]; readonly nextPageToken: string | null }
  | FailedOutcome
  | null;

export function scanPage({ status, body }: RestAnswer, shows: RowsShown): ScanPage {
  const members = membersOf(body);
  if (status !== 200) return readFailure(members);
  const rows = (members["rows"] as readonly Members[]).map((row) => ({
    key: parseKey(row["key"], null),
    version: parseVersion(row["version"], null),
    columns: isOfKey(row, shows) ? null : parseCells(row["columns"], null),
  }));
  const token = members["nextPageToken"];
  return { rows, nextPageToken: typeof token === "string" ? token : null };
}

/** Columns that nobody asked for stay, to be judged. */
function isOfKey(row: Members, shows: RowsShown): boolean {
  return shows === "keys" && row["columns"] === undefined;
}

/** Of a call for one write, or of one operation of a batch. */
export function writeOutcome({ status, body }: RestAnswer): WriteAnswer {
  const members = membersOf(body);
  if (status >= 400) return writeFailure(members);
  const { version = null, matched = true, columns } = members;
  return {
    kind: "written",
    version: version === null ? null : parseVersion(version, null),
    matched: matched === true,
    computed: columns === undefined ? null : parseCells(columns, null),
  };
}

/** Null: not an error that Stele names. */
export function codeOf(body: unknown): ErrorCode | null {
  const { code } = membersOf(body);
  return typeof code === "string" && Object.hasOwn(ERROR_KINDS, code) ? (code as ErrorCode) : null;
}

/** Whether it says that nothing was done, and nothing will be. */
export function isWithoutEffect(body: unknown): boolean {
  return membersOf(body)["applied"] === "no";
}

/** A read has no effect, whatever became of it. */
function readFailure(members: Members): FailedOutcome | null {
  const code = codeOf(members);
  return code === null ? null : { kind: "failed", code, version: null };
}

function writeFailure(members: Members): FailedOutcome | null {
  const code = codeOf(members);
  if (code === null || !isWithoutEffect(members)) return null;
  if (code !== "VERSION_MISMATCH" && code !== "ROW_EXISTS") {
    return { kind: "failed", code, version: null };
  }
  const { version } = members;
  return { kind: "failed", code, version: version === null ? null : parseVersion(version, null) };
}

function membersOf(body: unknown): Members {
  return typeof body === "object" && body !== null ? (body as Members) : {};
}
