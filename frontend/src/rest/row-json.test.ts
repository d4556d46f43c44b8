import fc from "fast-check";
import { expect, test } from "vitest";
import { completed } from "./steps.ts";
import { version } from "@stele/shared/ids.ts";
import type { Cell, Row } from "@stele/shared/row.ts";
import { parseRowBody } from "./row-body.ts";
import { renderRow } from "./row-json.ts";
import { rowPieces } from "./row-pieces.ts";

const octets = fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.string({ unit: "binary" }));
const cells = fc.uniqueArray(
  fc.record({
    family: fc.constantFrom("d", "e", "toString"),
    qualifier: octets,
    timestamp: fc.nat(),
    value: octets,
    /** Values of many lengths, by repetition. */
    times: fc.constantFrom(1, 1, 1, 300, 30_000),
    int64: fc.boolean(),
  }),
  {
    maxLength: 8,
    selector: ({ family, qualifier, timestamp }) =>
      `${family} ${Buffer.from(qualifier as string).toString("hex")} ${timestamp}`,
  },
);

type Draft = typeof cells extends fc.Arbitrary<infer T> ? T : never;

/** A row as reads give it: ordered (W1), and flagged cells have 8 bytes. */
function rowOf(drafts: Draft): Row {
  const made = drafts.map((draft): Cell => {
    const value = Buffer.from(draft.value as string);
    return {
      family: draft.family,
      qualifier: Buffer.from(draft.qualifier as string),
      timestamp: version(draft.timestamp),
      value: draft.int64
        ? Buffer.concat([value, Buffer.alloc(8)]).subarray(0, 8)
        : Buffer.concat(Array.from({ length: draft.times }, () => value)),
      int64: draft.int64,
    };
  });
  made.sort(
    (a, b) =>
      Buffer.compare(Buffer.from(a.family), Buffer.from(b.family)) ||
      Buffer.compare(a.qualifier, b.qualifier) ||
      b.timestamp - a.timestamp,
  );
  return { key: Buffer.from("k\xff", "latin1"), version: version(7), cells: made };
}

test("what a read gives, a write takes: every cell comes back", () => {
  fc.assert(
    fc.property(cells, (drafts) => {
      fc.pre(drafts.length > 0);
      const row = rowOf(drafts);
      const mutations = completed(parseRowBody(JSON.parse(renderRow(row, "cells")), row.key));
      expect(mutations).toHaveLength(row.cells.length);
      for (const [index, cell] of row.cells.entries()) {
        const { qualifier, value, ...others } = cell;
        const mutation = mutations[index];
        if (mutation?.kind !== "set") throw new Error("a row is made of sets");
        expect(mutation.column.qualifier.equals(qualifier)).toBe(true);
        expect(mutation.value.equals(value)).toBe(true);
        const { timestamp, int64 } = mutation;
        expect({ family: mutation.column.family, timestamp, int64 }).toEqual(others);
      }
    }),
  );
});

test("a row in pieces is the row in one", () => {
  fc.assert(
    fc.property(cells, fc.constantFrom("columns", "cells", "keys"), (drafts, view) => {
      const row = rowOf(drafts);
      const pieces = [...rowPieces(row, view)];
      expect(pieces.join("") === renderRow(row, view)).toBe(true);
      for (const piece of pieces) expect(piece.length).toBeLessThan(1024 * 1024);
    }),
  );
});
