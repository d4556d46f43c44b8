/** What replies to writes say, in short, for tests. */
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";

export function outcomes(reply: RowReply): readonly WriteOutcome[] {
  if (reply.kind !== "written") throw new Error(`not written: ${JSON.stringify(reply)}`);
  return reply.outcomes;
}

/** Of each write: what its increment gave, or "done", or the error's code. */
export function told(reply: RowReply): unknown[] {
  return outcomes(reply).map((outcome) => {
    if (outcome.kind === "failed") return outcome.error.code;
    const [computed] = outcome.result.computed;
    return computed === undefined ? "done" : Number(computed.value.readBigInt64BE());
  });
}
