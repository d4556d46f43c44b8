import { expect, test } from "vitest";
import type { Version } from "@stele/shared/ids.ts";
import type { WriteOutcome } from "@stele/shared/row-operations.ts";
import { decodeRowReply } from "@stele/shared/wire/row-replies.ts";
import { RowAnswers } from "./row-answers.ts";
import { GENERATION, TABLET } from "./testing/tablet-cluster.ts";

const MIB = 1024 * 1024;
const SERVED_BY = {
  server: "ts1",
  role: "leader" as const,
  tablet: TABLET,
  generation: GENERATION,
  staleness: 0,
  session: 1 as Version,
};

test("results of writes that fit no answer together are not called failed", () => {
  const column = { family: "d", qualifier: Buffer.from("l") };
  const outcome: WriteOutcome = {
    kind: "done",
    result: {
      version: 7 as Version,
      createdRow: false,
      createdColumn: false,
      matched: true,
      computed: [{ column, value: Buffer.alloc(8 * MIB), int64: false }],
      replayed: false,
    },
  };
  const answers = new RowAnswers();
  const replies: Buffer[] = [];
  const incoming = {
    payload: Buffer.alloc(0),
    deadlineMs: 0,
    reply: (...parts: Buffer[]) => void replies.push(Buffer.concat(parts)),
  };
  for (const writes of [8, 9]) {
    const outcomes = Array.from({ length: writes }, () => outcome);
    answers.answer(incoming, { kind: "written", servedBy: SERVED_BY, outcomes });
  }
  const [fits, tooLarge] = replies.map((reply) => decodeRowReply(reply));
  expect(fits?.kind === "written" && fits.outcomes.length).toBe(8);
  expect(tooLarge).toMatchObject({ error: { code: "TOO_LARGE", applied: "unknown" } });
});
