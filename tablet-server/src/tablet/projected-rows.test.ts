import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TableId, TabletId, Version } from "@stele/shared/ids.ts";
import type { Projection } from "@stele/shared/row-operations.ts";
import type { Cell, Row } from "@stele/shared/row.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { row as anyRow } from "@stele/shared/wire/testing/row-arbitraries.ts";
import { decodeRowReply } from "@stele/shared/wire/row-replies.ts";
import type { ServedBy } from "@stele/shared/wire/served-by.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { encodeRowRecord } from "../storage/row-record.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { ProjectedRows } from "./projected-rows.ts";
import { RowDraft } from "./row-draft.ts";
import { prepareProjection } from "./row-projection.ts";
import type { RowProjection } from "./row-projection.ts";
import { familiesOf } from "./schema-families.ts";

/** Numbers against the order of the names. */
const SCHEMA: TableSchema = {
  tableId: 1 as TableId,
  schemaVersion: 1,
  families: ["z", "info", "grade", "d"].map((name, at) => ({
    name,
    number: at + 1,
    rule: { maxVersions: null },
  })),
};
const SERVED: ServedBy = {
  server: "ts1",
  role: "leader",
  tablet: 1 as TabletId,
  generation: 1,
  staleness: 0,
  session: 9 as Version,
};
const EVERYTHING: Projection = { columns: null, versions: null, timestamp: null, keysOnly: false };

function ready(asked: Partial<Projection>): RowProjection {
  const result = prepareProjection({ ...EVERYTHING, ...asked }, SCHEMA);
  if (result.kind === "refused") throw new Error(result.error.detail);
  return result.projection;
}

function recordOf(row: Row): Buffer {
  const draft = new RowDraft(null);
  for (const { family, qualifier, ...cell } of row.cells) {
    draft.set(familiesOf(SCHEMA).byName.get(family)!.number, qualifier, cell, null);
  }
  return encodeRowRecord(row.key, draft.finish(row.version) as StoredRow);
}

/** What a front-end gets from a scan of these rows. */
function scanned(rows: readonly Row[], asked: Partial<Projection>): readonly Row[] {
  const projected = new ProjectedRows(ready(asked));
  for (const row of rows) projected.addScanned(row.key, recordOf(row));
  const reply = decodeRowReply(Buffer.concat(projected.scanReply(SERVED, null)));
  if (reply.kind !== "scanned") throw new Error(`the reply is ${reply.kind}`);
  expect(reply.chunk).toMatchObject({ count: reply.chunk.rows.length, resume: null });
  return reply.chunk.rows;
}

/** The same by filtering the cells one after the other. */
function naively({ cells }: Row, { columns, versions, timestamp }: Projection): Cell[] {
  const wanted = cells.filter(
    (cell) =>
      (columns === null ||
        columns.some(
          ({ family, qualifier }) =>
            family === cell.family && (qualifier === null || qualifier.equals(cell.qualifier)),
        )) &&
      (timestamp === null || cell.timestamp === timestamp),
  );
  return wanted.filter((cell) => {
    const newer = wanted.filter(
      (other) =>
        other.family === cell.family &&
        other.qualifier.equals(cell.qualifier) &&
        other.timestamp > cell.timestamp,
    );
    return versions === null || newer.length < versions;
  });
}

/** Rows with many versions a column, and a projection that names what is there as well as what is not. */
const qualifier = fc.constantFrom("", "a", "a\x00", "b", "c").map((text) => Buffer.from(text));
const dense: fc.Arbitrary<Row> = fc
  .record({
    row: anyRow,
    cells: fc.array(
      fc.record({
        family: fc.constantFrom("d", "grade", "info", "z"),
        qualifier,
        timestamp: fc.nat(6) as fc.Arbitrary<number> as fc.Arbitrary<Version>,
        value: fc.constantFrom("", "v", "w".repeat(200)).map((text) => Buffer.from(text)),
        int64: fc.boolean(),
      }),
      { minLength: 1, maxLength: 25 },
    ),
  })
  .map(({ row, cells }) => {
    const place = (cell: Cell) =>
      `${cell.family}:${cell.qualifier.toString("hex")}@${cell.timestamp}`;
    const distinct = [...new Map(cells.map((cell) => [place(cell), cell])).values()];
    distinct.sort(
      (a, b) =>
        Buffer.compare(Buffer.from(a.family), Buffer.from(b.family)) ||
        Buffer.compare(a.qualifier, b.qualifier) ||
        b.timestamp - a.timestamp,
    );
    return { key: row.key, version: row.version, cells: distinct };
  });
const asked: fc.Arbitrary<Projection> = fc.record({
  columns: fc.option(
    fc.array(
      fc.record({
        family: fc.constantFrom("d", "grade", "info", "z"),
        qualifier: fc.option(qualifier),
      }),
      { maxLength: 5 },
    ),
  ),
  versions: fc.option(fc.integer({ min: 1, max: 3 })),
  timestamp: fc.option(fc.nat(6) as fc.Arbitrary<number> as fc.Arbitrary<Version>),
  keysOnly: fc.constant(false),
});

describe("projected rows", () => {
  test("hold exactly the cells that a search through all cells gives, in row order", () => {
    fc.assert(
      fc.property(fc.array(dense, { maxLength: 4 }), asked, (rows, projection) => {
        const expected = rows
          .map((row) => ({ ...row, cells: naively(row, projection) }))
          .filter(({ cells }) => cells.length > 0);
        expect(scanned(rows, projection)).toEqual(expected);
        const keys = expected.map((row) => ({ ...row, cells: [] }));
        expect(scanned(rows, { ...projection, keysOnly: true })).toEqual(keys);
        const counting = new ProjectedRows(ready(projection));
        for (const row of rows) counting.countScanned(row.key, recordOf(row));
        const reply = decodeRowReply(Buffer.concat(counting.scanReply(SERVED, Buffer.from("r"))));
        expect(reply).toMatchObject({
          chunk: { rows: [], count: expected.length, resume: Buffer.from("r") },
        });
      }),
      { numRuns: 300 },
    );
  });

  test("of point reads keep the order of the keys, missing rows and rows without a wanted cell", () => {
    const row: Row = {
      key: Buffer.from("k"),
      version: 5 as Version,
      cells: [
        {
          family: "d",
          qualifier: Buffer.from("a"),
          timestamp: 5 as Version,
          value: Buffer.from("1"),
          int64: false,
        },
      ],
    };
    const projected = new ProjectedRows(ready({ columns: [{ family: "z", qualifier: null }] }));
    projected.addRead(Buffer.from("none"), undefined);
    projected.addRead(row.key, recordOf(row));
    expect(decodeRowReply(Buffer.concat(projected.readReply(SERVED)))).toEqual({
      kind: "read",
      servedBy: SERVED,
      rows: [null, { key: row.key, version: row.version, cells: [] }],
    });
  });

  test("a column of an unknown family is FAMILY_NOT_FOUND before any row is read", () => {
    const columns = [{ family: "nope", qualifier: Buffer.from("a") }];
    const result = prepareProjection({ ...EVERYTHING, columns }, SCHEMA);
    expect(result).toMatchObject({ kind: "refused", error: { code: "FAMILY_NOT_FOUND" } });
    if (result.kind === "refused") expect(result.error).not.toHaveProperty("applied");
  });

  test("a record with a family that the schema does not know is damage", () => {
    const key = Buffer.from("k");
    const draft = new RowDraft(null);
    const cell = { timestamp: 1 as Version, int64: false, value: Buffer.from("v") };
    draft.set(77, Buffer.from("a"), cell, null);
    const record = encodeRowRecord(key, draft.finish(1 as Version) as StoredRow);
    const projected = new ProjectedRows(ready({}));
    expect(() => projected.addScanned(key, record)).toThrow(CorruptRecordError);
    expect(() => projected.addScanned(key, record)).toThrow("no family 77");
  });
});
