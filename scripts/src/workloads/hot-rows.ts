/**
 * The few rows that many clients write at once.
 *
 * H1. At most `OPEN_MAX` writes of a row are under way or unknown at any time: each doubles what the checker has to
 *     search.
 * H2. A row with `UNKNOWN_MAX` unknown writes is retired: its place is taken by a row with a fresh key.
 */
import { assert, must } from "@stele/shared/assert.ts";
import type { Random } from "@stele/shared/random.ts";
import type { WriteAnswer } from "./store-client.ts";
import type { Mark } from "./workload.ts";

const OPEN_MAX = 3;
const UNKNOWN_MAX = 2;

/** Beginnings of keys whose order by bytes is not that of UTF-16, or that are not UTF-8 at all. */
const BEGINNINGS = ["", "\x00", "\xff", "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xc3\xa9", "\x7f"];

export interface HotRow {
  readonly key: string;
  readonly place: number;
  /** Writes under way or unknown. */
  open: number;
  unknown: number;
}

export interface HotRowsParts {
  readonly prefix: string;
  readonly count: number;
  readonly random: Random;
  readonly mark: Mark;
}

export class HotRows {
  readonly #parts: HotRowsParts;
  readonly #rows: HotRow[] = [];
  readonly #retired: HotRow[] = [];
  #generation = 0;

  constructor(parts: HotRowsParts) {
    this.#parts = parts;
    for (let place = 0; place < parts.count; place++) this.#rows.push(this.#fresh(place));
    this.#generation = 1;
  }

  /** Every row that there has been. */
  get all(): readonly HotRow[] {
    return [...this.#retired, ...this.#rows];
  }

  any(): HotRow {
    return must(this.#rows[this.#parts.random.below(this.#rows.length)], "a hot row");
  }

  /** Keys of so many rows, some of them perhaps twice. */
  anyKeys(count: number): readonly string[] {
    return Array.from({ length: count }, () => this.any().key);
  }

  /** A row for so many writes, which are open from now on; null: none has room. */
  take(writes = 1): HotRow | null {
    const from = this.#parts.random.below(this.#rows.length);
    const rows = [...this.#rows.slice(from), ...this.#rows.slice(0, from)];
    const row = rows.find(({ open }) => open + writes <= OPEN_MAX) ?? null;
    if (row !== null) row.open += writes;
    return row;
  }

  /** So many of its open writes ended, some of them unknown. */
  settle(row: HotRow, ended: { readonly writes: number; readonly unknown: number }): void {
    row.open -= ended.writes - ended.unknown;
    assert(row.open >= 0, () => `${row.open} writes of a row are open`);
    row.unknown += ended.unknown;
    if (ended.unknown === 0 || row.unknown < UNKNOWN_MAX) return;
    if (this.retire(row)) this.#parts.mark("row retired after unknowns");
  }

  /** The write that the row was taken for. */
  async settledBy(row: HotRow, write: Promise<WriteAnswer>): Promise<WriteAnswer> {
    const answer = await write;
    this.settle(row, { writes: 1, unknown: answer === null ? 1 : 0 });
    return answer;
  }

  /** False: it was retired before. */
  retire(row: HotRow): boolean {
    if (this.#rows[row.place] !== row) return false;
    this.#retired.push(row);
    this.#rows[row.place] = this.#fresh(row.place);
    return true;
  }

  #fresh(place: number): HotRow {
    const name = hotKey(this.#parts.prefix, place);
    const key = this.#generation === 0 ? name : `${name}.${this.#generation++}`;
    return { key, place, open: 0, unknown: 0 };
  }
}

/** The key of the row that is first at a place. */
export function hotKey(prefix: string, place: number): string {
  const beginning = BEGINNINGS[place % BEGINNINGS.length] ?? "";
  return `${prefix}/${beginning}${place}`;
}
