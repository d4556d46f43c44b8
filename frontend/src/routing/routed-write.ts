/** One write on its way to its tablet, and the calls that carry such writes. */
import { must } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { RowWrite } from "@stele/shared/row-operations.ts";
import { MAX_CALL_PAYLOAD_BYTES } from "@stele/shared/rpc/batch-frames.ts";
import { encodeRowCall } from "@stele/shared/wire/row-calls.ts";
import type { CallLimits } from "../operations.ts";
import type { CallTrack } from "./call-track.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import type { RetryNumber, RetryNumbers } from "./retry-numbers.ts";
import type { RowRouting } from "./row-routing.ts";

export class RoutedWrite {
  readonly write: RowWrite;
  /** From the first attempt on. */
  #number: RetryNumber | null = null;

  constructor(write: RowWrite) {
    this.write = write;
  }

  /** The same for all attempts. `tablet`: the one that it is about to be sent to. */
  numbered(numbers: RetryNumbers, { tabletId }: MappedTablet): RetryNumber {
    this.#number ??= numbers.take(tabletId);
    return this.#number;
  }

  /** It is never sent again. */
  settle(): void {
    this.#number?.sequence.settle(this.#number.seq);
  }
}

/** Until when it is tried. */
export function writeDeadline({ clock, limits }: RowRouting, { deadlineMs }: CallLimits): number {
  return Math.min(deadlineMs, clock.monotonicMs() + limits.writeMs);
}

/** REQUIRES: all are numbered in one sequence. `track`: of all attempts so far. Throws 413 TOO_LARGE. */
export function encodeWrites(
  { numbers }: RowRouting,
  tablet: MappedTablet,
  writes: readonly RoutedWrite[],
  track: CallTrack,
): Buffer {
  const { tabletId, generation } = tablet;
  const first = must(writes[0], "a write").numbered(numbers, tablet);
  const { sequenceId, doneBelow } = first.sequence;
  const payload = encodeRowCall({
    kind: "write",
    tabletId,
    generation,
    sequenceId,
    doneBelow,
    retired: numbers.retiredOf(tabletId),
    hasStrays: track.attempts === "stray",
    writes: writes.map((each) => ({
      seq: each.numbered(numbers, tablet).seq,
      write: each.write,
    })),
  });
  if (payload.length <= MAX_CALL_PAYLOAD_BYTES) return payload;
  throw new DatabaseError({
    code: "TOO_LARGE",
    detail: `The write takes ${payload.length} bytes of ${MAX_CALL_PAYLOAD_BYTES} allowed.`,
    hint: "Write the columns in several requests.",
  });
}
