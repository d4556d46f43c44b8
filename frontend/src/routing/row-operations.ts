/** The operations on rows over a real cluster. */
import type { RowOperations } from "../operations.ts";
import { readRow, readRows } from "./read-rows.ts";
import type { RowRouting } from "./row-routing.ts";
import { scanTablets } from "./scan-tablets.ts";
import { writeRow } from "./write-row.ts";
import { writeRows } from "./write-rows.ts";

export function routedRows(routing: RowRouting): RowOperations {
  return {
    read: (table, key, projection, limits) => readRow(routing, table, key, projection, limits),
    readMany: (table, keys, projection, limits) =>
      readRows(routing, table, keys, projection, limits),
    write: (table, write, limits) => writeRow(routing, table, write, limits),
    writeMany: (table, writes, limits) => writeRows(routing, table, writes, limits),
    scan: (table, scan, limits) => scanTablets(routing, table, scan, limits),
  };
}
