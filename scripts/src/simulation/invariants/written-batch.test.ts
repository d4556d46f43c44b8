import { batchBytes, encodeBatch, encodeMarker } from "@stele/shared/commit-log/batch-codec.ts";
import { segmentName } from "@stele/shared/commit-log/log-format.ts";
import { entries, entry, hardState } from "@stele/shared/commit-log/testing/log-samples.ts";
import { expect, test } from "vitest";
import { writtenBatch } from "./written-batch.ts";

const STAMP = { lsn: 3, durableLsn: 2, salt: 77 };
const PLACE = { segment: 4, offset: 4096 };

test("a batch is read back from the bytes that go to disk, payloads included", () => {
  const records = [
    hardState(1, 5, 8),
    entries(1, entry(8, "one"), entry(9, "three")),
    entries(2, entry(1, "")),
  ];
  const { bytes } = encodeBatch(records, batchBytes(records), STAMP, PLACE);
  const batch = writtenBatch(segmentName(4), bytes);
  bytes.fill(0);
  expect(batch?.segment).toBe(4);
  expect(batch?.records.map(({ record }) => record.kind)).toEqual([
    "hard-state",
    "entries",
    "entries",
  ]);
  const payloads = batch?.records.map((each) => each.payloads.map(String));
  expect(payloads).toEqual([[], ["one", "three"], [""]]);
  expect(batch?.records[0]?.record).toEqual(hardState(1, 5, 8));
});

test("markers and other files hold no batch", () => {
  expect(writtenBatch(segmentName(4), encodeMarker(STAMP))).toBe(null);
  expect(writtenBatch("bounds", Buffer.alloc(48))).toBe(null);
});
