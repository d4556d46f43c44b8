// Paths and queries of the REST API from bytes and text.
const UNRESERVED = /^[A-Za-z0-9_.~-]*$/;

/** Percent-encoded octets. */
export function percentEncode(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  if (UNRESERVED.test(text)) return text;
  return text.replace(/[^A-Za-z0-9_.~-]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;
  });
}

export type Query = Readonly<Record<string, string | undefined>>;

export interface RestPath {
  /** Below the base, encoded. */
  readonly path: string;
  /** What the path itself asks of the query. */
  readonly query: Query;
}

export function tablePath(table: string, rest = ""): string {
  return `/tables/${percentEncode(Buffer.from(table, "utf8"))}${rest}`;
}

/** The table that a path leads to; null: to none. */
export function tableOfPath(path: string): string | null {
  const [, table] = /^\/tables\/([^/:]+)/.exec(path) ?? [];
  return table === undefined ? null : decodeURIComponent(table);
}

/** `.` and `..` would be taken for directories on the way, so they travel as base64. */
export function rowPath(table: string, key: Buffer): RestPath {
  const base = tablePath(table, "/rows/");
  const text = key.toString("latin1");
  if (text !== "." && text !== "..") return { path: base + percentEncode(key), query: {} };
  return { path: base + key.toString("base64url"), query: { enc: "b64" } };
}

/** @param column as text with its escapes: `family:qualifier` */
export function cellPath(table: string, key: Buffer, column: string): RestPath {
  const row = rowPath(table, key);
  return { ...row, path: `${row.path}/cells/${percentEncode(Buffer.from(column, "utf8"))}` };
}

/** With its question mark; empty for no parameters. Values are text. */
export function queryText(query: Query): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
