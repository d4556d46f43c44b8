/** Gives the answers of row calls to the channel, and counts them. */
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { MAX_REPLY_BYTES } from "@stele/shared/rpc/batch-frames.ts";
import type { IncomingCall } from "@stele/shared/rpc/channel-contract.ts";
import { encodeRowReply, rowReplyEstimate, type RowReply } from "@stele/shared/wire/row-replies.ts";
import { newRowCounters, type RowCounters } from "./row-counters.ts";

export class RowAnswers {
  readonly counters: RowCounters = newRowCounters();

  answer(incoming: IncomingCall, reply: RowReply): void {
    const expected = rowReplyEstimate(reply);
    if (expected > MAX_REPLY_BYTES) {
      // Sent one by one under the same numbers, each of the writes gets its result.
      this.error(incoming, { ...tooLarge(expected), applied: "unknown" });
      return;
    }
    const bytes = encodeRowReply(reply);
    this.#count(reply);
    this.counters.bytesOut += bytes.length;
    incoming.reply(bytes);
  }

  error(incoming: IncomingCall, error: DatabaseErrorBody): void {
    this.answer(incoming, { kind: "failed", error });
  }

  /** The parts of an encoded answer; one that no channel carries becomes an error. */
  parts(incoming: IncomingCall, parts: readonly Buffer[]): void {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    if (bytes > MAX_REPLY_BYTES) {
      this.error(incoming, tooLarge(bytes));
      return;
    }
    this.counters.bytesOut += bytes;
    incoming.reply(...parts);
  }

  #count(reply: RowReply): void {
    switch (reply.kind) {
      case "written":
      case "read":
      case "scanned":
        return;
      case "failed":
        if (reply.error.code === "THROTTLED") this.counters.throttled++;
        else this.counters.failed++;
        return;
      case "not-leader":
      case "wrong-range":
      case "not-here":
      case "table-dropped":
        this.counters.redirected++;
    }
  }
}

function tooLarge(bytes: number): DatabaseErrorBody {
  return {
    code: "TOO_LARGE",
    detail: `The cells asked for take ${bytes} bytes, one answer at most ${MAX_REPLY_BYTES}.`,
    hint: "Ask for fewer rows, columns or versions at a time.",
  };
}
