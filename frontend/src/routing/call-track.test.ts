import { expect, test } from "vitest";
import type { DatabaseErrorBody, ErrorCode } from "@stele/shared/errors.ts";
import type { Attempts } from "./call-track.ts";
import { CallTrack } from "./call-track.ts";

type Applied = DatabaseErrorBody["applied"];

const LIMITS = { deadlineMs: 1_000, signal: new AbortController().signal };
const RETRYABLE: ErrorCode = "THROTTLED";
const FINAL: ErrorCode = "ROW_EXISTS";

/**
 * The attempts so far, the code of the error and what it says of the last attempt; then what is told of the
 * write when this process gives it up, when its tablet refuses the call, and when it refuses the write.
 */
const CASES: readonly [Attempts, ErrorCode, Applied, Applied, Applied, Applied][] = [
  ["none", RETRYABLE, "no", "no", "no", "no"],
  ["none", FINAL, "no", "no", "no", "no"],
  ["none", RETRYABLE, "unknown", "no", "unknown", "unknown"],
  ["none", FINAL, "unknown", "no", "unknown", "unknown"],
  ["undecided", RETRYABLE, "no", "unknown", "unknown", "unknown"],
  // Only a tablet that judged the write itself had the earlier attempts behind it.
  ["undecided", FINAL, "no", "unknown", "unknown", "no"],
  ["undecided", RETRYABLE, "unknown", "unknown", "unknown", "unknown"],
  ["undecided", FINAL, "unknown", "unknown", "unknown", "unknown"],
  ["stray", RETRYABLE, "no", "unknown", "unknown", "unknown"],
  ["stray", FINAL, "no", "unknown", "unknown", "no"],
  ["stray", RETRYABLE, "unknown", "unknown", "unknown", "unknown"],
  ["stray", FINAL, "unknown", "unknown", "unknown", "unknown"],
];

test.each(CASES)(
  "earlier attempts: %s; a %s that says %s is %s when given up, %s for the call, %s for the write",
  (attempts, code, applied, here, there, refused) => {
    const error: DatabaseErrorBody = { code, detail: "a test", applied };
    const track = new CallTrack(LIMITS, LIMITS.deadlineMs, attempts);
    expect(track.failedHere(error)).toEqual({ ...error, applied: here });
    expect(track.failedThere(error)).toEqual({ ...error, applied: there });
    expect(track.refused(error)).toEqual({ ...error, applied: refused });
  },
);

test("what is known of the attempts never gets better", () => {
  const track = new CallTrack(LIMITS);
  expect(track.attempts).toBe("none");
  track.undecided();
  expect(track.attempts).toBe("undecided");
  track.stray();
  track.undecided();
  expect(track.attempts).toBe("stray");
});
