/** Writes and keys in short, for tests. */
import {
  NO_CONDITIONS,
  type Column,
  type Conditions,
  type Mutation,
  type RowWrite,
} from "@stele/shared/row-operations.ts";

export function column(name: string): Column {
  return { family: "d", qualifier: Buffer.from(name) };
}

export function set(name: string, value: string): Mutation {
  return {
    kind: "set",
    column: column(name),
    value: Buffer.from(value),
    int64: false,
    timestamp: null,
  };
}

export function increment(name: string, amount = 1n): Mutation {
  return { kind: "increment", column: column(name), amount, timestamp: null };
}

export const DELETE_ROW: Mutation = { kind: "delete-row" };

export function rowWrite(
  key: string,
  mutations: readonly Mutation[],
  more: {
    readonly conditions?: Partial<Conditions>;
    readonly idempotencyKey?: string;
    readonly fingerprint?: string;
  } = {},
): RowWrite {
  const { conditions = {}, fingerprint = "f", idempotencyKey } = more;
  return {
    key: Buffer.from(key),
    conditions: { ...NO_CONDITIONS, ...conditions },
    predicate: null,
    mutations,
    otherwise: [],
    idempotency:
      idempotencyKey === undefined
        ? null
        : { key: idempotencyKey, fingerprint: Buffer.from(fingerprint) },
  };
}
