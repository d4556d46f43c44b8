// A table for people: header, columns two spaces apart, no lines.
import CliTable from "cli-table3";

const none = [
  "top",
  "top-mid",
  "top-left",
  "top-right",
  "bottom",
  "bottom-mid",
  "bottom-left",
  "bottom-right",
  "left",
  "left-mid",
  "mid",
  "mid-mid",
  "right",
  "right-mid",
] as const;
const chars = { ...Object.fromEntries(none.map((name) => [name, ""])), middle: "  " };

/** Ends with a newline. `rightAligned` holds indexes of columns with numbers. */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  rightAligned: ReadonlySet<number> = new Set(),
): string {
  const table = new CliTable({
    head: [...header],
    chars,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: header.map((_name, index) => (rightAligned.has(index) ? "right" : "left")),
  });
  for (const row of rows) table.push([...row]);
  const lines = table.toString().split("\n");
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
