// The bodies of the data path are checked by hand; the published schemas must agree.
import fc from "fast-check";
import { expect, test } from "vitest";
import { completed } from "./steps.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { parsePatchBody } from "./patch-body.ts";
import { parseRowBody } from "./row-body.ts";
import { patchBodySchema, rowBodySchema } from "./schemas.ts";

const base64 = (array: Uint8Array) => Buffer.from(array).toString("base64");
const value = fc.oneof(
  fc.string(),
  fc.record({ b64: fc.uint8Array({ maxLength: 8 }).map(base64) }),
  fc.record({ int64: fc.integer().map(String) }),
);
const timestamp = fc.nat().map(String);
const column = fc.constantFrom("d:a", "d:b", "e:", "e:\\xFF", "toString:x");
const objectOf = <T>(of: fc.Arbitrary<T>) => fc.dictionary(column, of, { minKeys: 1, maxKeys: 3 });
const cell = fc.record({ value, timestamp });
const cells = objectOf(fc.uniqueArray(cell, { minLength: 1, selector: (each) => each.timestamp }));
const partial = { requiredKeys: [] };

const mutations = {
  delete: fc.array(
    fc.oneof(
      column,
      fc.constantFrom("d", "e"),
      fc.record({ column, from: timestamp, to: timestamp }, { requiredKeys: ["column"] }),
    ),
    { minLength: 1 },
  ),
  set: objectOf(value),
  cells,
  increment: objectOf(fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 0n, max: 99n }).map(String))),
  append: objectOf(fc.string()),
  timestamp,
};
const predicate = fc.letrec<{ predicate: unknown }>((tie) => ({
  predicate: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ column, equals: value }),
    fc.record({ column, exists: fc.boolean() }),
    fc.record({ exists: fc.boolean() }),
    fc.record({ version: timestamp }),
    fc.record({ all: fc.array(tie("predicate"), { maxLength: 2 }) }),
    fc.record({ any: fc.array(tie("predicate"), { maxLength: 2 }) }),
    fc.record({ not: tie("predicate") }),
  ),
})).predicate;

const rowBody = fc.record(
  { columns: objectOf(value), cells, timestamp, version: timestamp, found: fc.constant(true) },
  { requiredKeys: ["columns"] },
);
const patchBody = fc.record(
  { ...mutations, if: predicate, else: fc.record(mutations, partial) },
  { requiredKeys: ["set", "if"] },
);

/** A good body with one place replaced by noise. */
function damaged(good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const noise = fc.oneof(
    fc.constantFrom(null, true, 1.5, "", "d", [], {}, { b64: 1 }, { x: "y" }, "9007199254740992"),
    fc.jsonValue({ maxDepth: 2 }),
  );
  return fc.tuple(good, fc.nat(), noise).map(([body, place, replacement]) => {
    let left = place % JSON.stringify(body).split(/[:[]/).length;
    return JSON.parse(
      JSON.stringify(body, (_name, each: unknown) => (left-- === 0 ? replacement : each)),
    ) as unknown;
  });
}

function isTaken(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof DatabaseError) return false;
    throw error;
  }
}

const calls = [
  [
    "rows",
    rowBody,
    (body: unknown) => completed(parseRowBody(body, Buffer.from("k"))),
    rowBodySchema,
  ],
  ["patches", patchBody, (body: unknown) => completed(parsePatchBody(body)), patchBodySchema],
] as const;

test.each(calls)("%s that are good are taken by check and schema", (_name, good, parse, schema) => {
  fc.assert(
    fc.property(good as fc.Arbitrary<unknown>, (body) => {
      expect(schema.safeParse(body).error?.message).toBeUndefined();
      parse(body);
    }),
  );
});

test.each(calls)(
  "what the check takes of damaged %s, the schema takes",
  (_name, good, parse, schema) => {
    fc.assert(
      fc.property(damaged(good as fc.Arbitrary<unknown>), (body) => {
        if (isTaken(() => parse(body))) expect(schema.safeParse(body).success).toBe(true);
      }),
      { numRuns: 500 },
    );
  },
);
