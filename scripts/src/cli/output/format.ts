// In which form data is written.
import { usageError } from "../cli-error.ts";

export const formats = ["table", "ndjson", "json", "csv", "keys", "raw"] as const;
export type Format = (typeof formats)[number];

/** A person gets a table, a program one JSON text a line. */
export function chooseFormat(asked: Format | undefined, isTerminal: boolean): Format {
  return asked ?? (isTerminal ? "table" : "ndjson");
}

export function notOneCell(found: string): Error {
  return usageError(
    `-o raw needs exactly one cell, but ${found}`,
    "Name the row and the column: stele get TABLE KEY FAMILY:QUALIFIER -o raw",
  );
}
