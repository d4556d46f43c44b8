/** How workloads spell their writes: each can be said in one call of the REST API. */
import type { Expected, RowMutation, WriteOperation } from "../check/history/row-operation.ts";

const ANYTHING: Expected = { kind: "anything" };

export const NO_ROW: Expected = { kind: "no-row" };
export const DELETE_ROW: RowMutation = { kind: "delete-row" };

/** Of these columns, in every workload: what was set last, two sums, and what was appended. */
export const COLUMNS = { value: "d:v", sum: "d:n", keyedSum: "d:k", log: "d:l" } as const;

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
