import { expect, test } from "vitest";
import type { RecordedOperation, RowOutcome } from "../check/history/row-operation.ts";
import { countOperations, operationsText } from "./operation-counts.ts";

function recorded(output: RowOutcome | null): RecordedOperation {
  return {
    client: "c1",
    call: 1,
    operation: { kind: "get", key: "k", columns: null },
    outcome: output === null ? null : { at: 2, output },
    request: null,
    batch: null,
  };
}

const failed = (code: "VERSION_MISMATCH" | "THROTTLED" | "UNAVAILABLE"): RecordedOperation =>
  recorded({ kind: "failed", code, version: null });

test("the counts of operations add up to all of them, whatever became of each", () => {
  const counts = countOperations([
    recorded({ kind: "written", version: 1, matched: true, computed: null }),
    recorded({ kind: "read", row: null }),
    recorded({ kind: "scanned", rows: [], resume: null }),
    failed("VERSION_MISMATCH"),
    failed("THROTTLED"),
    failed("UNAVAILABLE"),
    recorded(null),
  ]);
  expect(operationsText(counts)).toBe(
    "7 operations (1 writes acknowledged, 1 reads, 1 scans, 1 refused, 2 failed, 1 unknown)",
  );
  expect(operationsText(new Map())).toBe("0 operations");
});
