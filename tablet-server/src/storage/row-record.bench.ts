/**
 * How fast rows are encoded, opened, decoded, changed and copied into replies.
 * Run: node tablet-server/src/storage/row-record.bench.ts
 */
import type { TableId, TabletId, Version } from "@stele/shared/ids.ts";
import { measureCalls } from "@stele/shared/testing/measure-calls.bench.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type { RowWrite } from "@stele/shared/row-operations.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { decodeRowReply, encodeRowReply } from "@stele/shared/wire/row-replies.ts";
import type { ServedBy } from "@stele/shared/wire/served-by.ts";
import { applyEffect } from "../tablet/testing/apply-effect.ts";
import { evaluateWrite } from "../tablet/evaluate-write.ts";
import { ProjectedRows } from "../tablet/projected-rows.ts";
import { prepareProjection } from "../tablet/row-projection.ts";
import type { RowProjection } from "../tablet/row-projection.ts";
import { decodeRowRecord, encodeRowRecord, openRowRecord } from "./row-record.ts";
import type { StoredRow } from "./stored-row.ts";

const SCHEMA: TableSchema = {
  tableId: 1 as TableId,
  schemaVersion: 1,
  families: [{ name: "d", number: 1, rule: { maxVersions: 1 } }],
};
const SERVED: ServedBy = {
  server: "ts1",
  role: "leader",
  tablet: 1 as TabletId,
  generation: 1,
  staleness: 0,
  session: 1 as Version,
};
const KEY = Buffer.from("user:0000000001");

function rowOf(columns: number, valueBytes: number): StoredRow {
  return {
    version: 1_764_000_000_000_000 as Version,
    families: [
      {
        number: 1,
        columns: Array.from({ length: columns }, (_, at) => ({
          qualifier: Buffer.from(`column${String(at).padStart(5, "0")}`),
          cells: [
            {
              timestamp: 1_764_000_000_000_000 as Version,
              int64: false,
              value: Buffer.alloc(valueBytes, "v"),
            },
          ],
        })),
      },
    ],
  };
}

function ready(columns: { family: string; qualifier: Buffer | null }[] | null): RowProjection {
  const asked = { columns, versions: 1, timestamp: null, keysOnly: false };
  const result = prepareProjection(asked, SCHEMA);
  if (result.kind === "refused") throw new Error(result.error.detail);
  return result.projection;
}

function setOneCell(): RowWrite {
  const column = { family: "d", qualifier: Buffer.from("column00000") };
  const value = Buffer.alloc(20, "w");
  return {
    key: KEY,
    conditions: NO_CONDITIONS,
    predicate: null,
    mutations: [{ kind: "set", column, value, int64: false, timestamp: null }],
    otherwise: [],
    idempotency: null,
  };
}

function measureRow(columns: number): void {
  const row = rowOf(columns, 20);
  const record = encodeRowRecord(KEY, row);
  const everything = ready(null);
  const one = ready([{ family: "d", qualifier: Buffer.from("column00000") }]);
  const write = setOneCell();
  const version = (row.version + 1) as Version;
  const evaluate = () => evaluateWrite(decodeRowRecord(KEY, record), write, version, SCHEMA);
  const evaluation = evaluate();
  if (evaluation.kind !== "applied") throw new Error("the write did nothing");

  process.stdout.write(`a row of ${columns} columns, values of 20 bytes: ${record.length} bytes\n`);
  measureCalls("encode", () => encodeRowRecord(KEY, row));
  measureCalls("open: checksum and families", () => openRowRecord(KEY, record));
  measureCalls("decode all cells", () => decodeRowRecord(KEY, record));
  measureCalls("copy the newest cells into a reply", () =>
    new ProjectedRows(everything).addScanned(KEY, record),
  );
  measureCalls("copy one column into a reply", () =>
    new ProjectedRows(one).addScanned(KEY, record),
  );
  measureCalls("decode, set one cell, make the effect", evaluate);
  measureCalls(`apply the effect (${evaluation.effect.kind})`, () =>
    applyEffect(record, evaluation.effect),
  );
}

function measureScan(): void {
  const record = encodeRowRecord(KEY, rowOf(10, 20));
  const projection = ready(null);
  const project = () => {
    const rows = new ProjectedRows(projection, 64 * 1024);
    for (let row = 0; row < 100; row++) rows.addScanned(KEY, record);
    return rows.scanReply(SERVED, null);
  };
  const bytes = Buffer.concat(project());
  const reply = decodeRowReply(bytes);
  process.stdout.write("a scan's reply of 100 rows of 10 columns\n");
  measureCalls("copied from records", project);
  measureCalls("decoded by the front-end", () => decodeRowReply(bytes));
  measureCalls("encoded from row objects", () => encodeRowReply(reply));
}

for (const columns of [1, 10, 1000]) measureRow(columns);
measureScan();
