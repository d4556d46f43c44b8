/**
 * What a read asks for beside its keys: columns, view, versions, and how fresh the answer must be.
 * Query and JSON body spell the same things.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Projection } from "@stele/shared/row-operations.ts";
import { parseColumnList, columnListOfOctets } from "./column-body.ts";
import type { ColumnOrFamily } from "./column-name.ts";
import { versionOf } from "./decimal.ts";
import { at, invalidBody, invalidInput, invalidParameter } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";
import type { QueryParameters } from "./query-parameters.ts";
import type { RowView } from "./row-json.ts";

export interface ReadOptions {
  readonly projection: Projection;
  readonly view: RowView;
}

/** More versions than any cell has: the upper bound of `versions=N`. */
const MAX_VERSIONS = 1_000_000_000;

export const SHAPE_PARAMETERS = ["columns", "view", "versions", "keysOnly"] as const;
export const FRESHNESS_PARAMETERS = ["consistency", "maxStaleness"] as const;

export const NEWEST_OF_ALL: ReadOptions = {
  projection: { columns: null, versions: 1, timestamp: null, keysOnly: false },
  view: "columns",
};

export function readOptionsOfQuery(query: QueryParameters): ReadOptions {
  const columns = query.octets("columns");
  return readOptions({
    columns: columns === null ? null : columnListOfOctets(columns),
    view: query.oneOf("view", ["columns", "cells"]),
    versions: versionsOfQuery(query),
    keysOnly: query.boolean("keysOnly"),
  });
}

export function readOptionsOfBody(body: Readonly<Record<string, unknown>>): ReadOptions {
  const { columns, view, versions, keysOnly } = body;
  if (view !== undefined && view !== "columns" && view !== "cells") {
    throw invalidBody(at(null, "view"), "must be columns or cells");
  }
  if (keysOnly !== undefined && typeof keysOnly !== "boolean") {
    throw invalidBody(at(null, "keysOnly"), "must be true or false");
  }
  return readOptions({
    columns: columns === undefined ? null : parseColumnList(columns, at(null, "columns")),
    view: view ?? null,
    versions: versions === undefined ? null : versionsOfBody(versions),
    keysOnly: keysOnly ?? null,
  });
}

interface Shape {
  readonly columns: readonly ColumnOrFamily[] | null;
  readonly view: "columns" | "cells" | null;
  readonly versions: number | "all" | null;
  readonly keysOnly: boolean | null;
}

function readOptions({ columns, view, versions, keysOnly }: Shape): ReadOptions {
  if (keysOnly === true) {
    return {
      projection: { columns, versions: 1, timestamp: null, keysOnly: true },
      view: "keys",
    };
  }
  const isCells = view === "cells";
  const count = versions === "all" ? null : (versions ?? 1);
  // The columns view shows the newest value alone: older ones need not travel.
  return {
    projection: { columns, versions: isCells ? count : 1, timestamp: null, keysOnly: false },
    view: isCells ? "cells" : "columns",
  };
}

function versionsOfQuery(query: QueryParameters): number | "all" | null {
  if (query.text("versions") === "all") return "all";
  return query.integer("versions", { min: 1, max: MAX_VERSIONS });
}

function versionsOfBody(value: unknown): number | "all" {
  if (value === "all") return value;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_VERSIONS) {
    return value;
  }
  throw invalidBody(at(null, "versions"), `must be "all" or an integer from 1 to ${MAX_VERSIONS}`);
}

/**
 * Checks how fresh the answer must be. Every accepted choice is served strong, which is at least as
 * fresh as any of them.
 */
export function checkFreshness(query: QueryParameters, headers: IncomingHttpHeaders): void {
  const consistency = query.oneOf("consistency", ["strong", "bounded", "session", "any"]);
  const maxStaleness = query.duration("maxStaleness", { minMs: 0, maxMs: LIMITS.timeoutMs });
  if (consistency === "bounded" && maxStaleness === null) {
    throw invalidParameter("maxStaleness", "is needed with consistency=bounded");
  }
  if (consistency !== "bounded" && maxStaleness !== null) {
    throw invalidParameter("maxStaleness", "is taken with consistency=bounded only");
  }
  if (consistency !== "session") return;
  const session = headers["stele-session"];
  if (typeof session === "string" && versionOf(session) !== null) return;
  const detail = "must be a version, as replies give it, with consistency=session";
  throw invalidInput("Stele-Session", detail, "INVALID_REQUEST");
}
