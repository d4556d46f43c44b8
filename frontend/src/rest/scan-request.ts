/** What a scan is asked for, from a query or a JSON body. */
import type { RowRange } from "@stele/shared/row-range.ts";
import { at, invalidBody, nameOfType, objectOf, onlyMembers } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";
import { refuseFilter } from "./no-filters.ts";
import { fingerprintOf } from "./page-token.ts";
import type { QueryParameters } from "./query-parameters.ts";
import { SHAPE_PARAMETERS, readOptionsOfBody, readOptionsOfQuery } from "./read-options.ts";
import type { ReadOptions } from "./read-options.ts";
import { RANGE_MEMBERS, rangesOfBody, rangesOfQuery } from "./row-ranges.ts";

type JsonObject = Readonly<Record<string, unknown>>;

export interface ScanRequest {
  readonly table: string;
  /** Sorted, disjoint, none empty; none at all is an empty answer. */
  readonly ranges: readonly RowRange[];
  readonly reverse: boolean;
  readonly options: ReadOptions;
  /** Of a page, or of a stream in all; null: the default. */
  readonly limit: number | null;
  readonly pageToken: string | null;
}

/** Pages hold so many rows at most; a stream may be limited to any number. */
export type ScanForm = "page" | "stream";

const SCAN_MEMBERS: ReadonlySet<string> = new Set([
  ...RANGE_MEMBERS,
  "ranges",
  "limit",
  "reverse",
  ...SHAPE_PARAMETERS,
  "pageToken",
]);

export function scanOfQuery(table: string, query: QueryParameters, form: ScanForm): ScanRequest {
  return {
    table,
    ranges: rangesOfQuery(query),
    reverse: query.boolean("reverse") ?? false,
    options: readOptionsOfQuery(query),
    limit: query.integer("limit", { min: 1, max: maxLimit(form) }),
    pageToken: query.text("pageToken"),
  };
}

export function scanOfBody(table: string, value: unknown, form: ScanForm): ScanRequest {
  const body = objectOf(value, null);
  refuseFilter(body, null);
  onlyMembers(body, SCAN_MEMBERS, null);
  return {
    table,
    ranges: rangesOfBody(body),
    reverse: booleanMember(body, "reverse"),
    options: readOptionsOfBody(body),
    limit: limitMember(body, form),
    pageToken: textMember(body, "pageToken"),
  };
}

/** Everything that the next page must repeat. */
export function scanFingerprint({ table, ranges, reverse, options }: ScanRequest): Buffer {
  const { columns, versions } = options.projection;
  return fingerprintOf([
    "scan",
    table,
    ranges.map(({ start, end }) => [base64(start), base64(end)]),
    reverse,
    options.view,
    columns?.map(({ family, qualifier }) => [family, base64(qualifier)]) ?? null,
    versions,
  ]);
}

export function textMember(body: JsonObject, name: string): string | null {
  const value = body[name];
  if (value === undefined) return null;
  if (typeof value === "string") return value;
  throw invalidBody(at(null, name), `must be a string, not ${nameOfType(value)}`);
}

function booleanMember(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === "boolean" && body[name] !== null) return value;
  throw invalidBody(at(null, name), "must be true or false");
}

function limitMember(body: JsonObject, form: ScanForm): number | null {
  const value = body.limit;
  if (value === undefined) return null;
  const max = maxLimit(form);
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max) {
    return value;
  }
  throw invalidBody(at(null, "limit"), `must be an integer from 1 to ${max}`);
}

function maxLimit(form: ScanForm): number {
  return form === "page" ? LIMITS.pageRows : Number.MAX_SAFE_INTEGER;
}

function base64(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString("base64");
}
