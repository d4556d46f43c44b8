/** How workloads spell their writes: each can be said in one call of the REST API. */
import type { Random } from "@stele/shared/random.ts";
import type { Expected, RowMutation, WriteOperation } from "../check/history/row-operation.ts";
import { largeText } from "./large-values.ts";

const ANYTHING: Expected = { kind: "anything" };

export const NO_ROW: Expected = { kind: "no-row" };
export const DELETE_ROW: RowMutation = { kind: "delete-row" };

/**
 * Of these columns, in every workload: what was set last, two sums, what was appended, what makes a row large, and one
 * of another family.
 */
export const COLUMNS = {
  value: "d:v",
  sum: "d:n",
  keyedSum: "d:k",
  log: "d:l",
  ballast: "d:b",
  foreign: "e:v",
} as const;

/** Of `COLUMNS`: of all but one, and of that one. */
export const FAMILIES = { common: "d", foreign: "e" } as const;

/** With it a row is beyond the size up to which rows are logged whole. */
const BALLAST_BYTES = 4 * 1024;

export function write(
  key: string,
  mutations: readonly RowMutation[],
  expected: Expected = ANYTHING,
): WriteOperation {
  return { kind: "write", key, expected, test: null, mutations };
}

export function set(value: string): RowMutation {
  return { kind: "set", column: COLUMNS.value, value };
}

export function setForeign(value: string): RowMutation {
  return { kind: "set", column: COLUMNS.foreign, value };
}

export function deleteFamily(family: string): RowMutation {
  return { kind: "delete-family", family };
}

/** From then on writes of the row are logged as what they change. */
export function load(random: Random): RowMutation {
  const value = JSON.stringify(largeText(random, BALLAST_BYTES));
  return { kind: "set", column: COLUMNS.ballast, value };
}

/** By one. */
export function increment(column: string): RowMutation {
  return { kind: "increment", column, amount: "1" };
}

/** Values that nobody else ever writes, as JSON text. */
export class UniqueValues {
  readonly #prefix: string;
  #next = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  next(): string {
    return JSON.stringify(`${this.#prefix}${this.#next++}`);
  }
}
