import { Readable } from "node:stream";
import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "@stele/shared/clock.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { lineBatches } from "./ndjson-in.ts";

const bodyOf = (chunks: Iterable<Buffer>) => Readable.from(chunks) as unknown as IncomingMessage;

async function linesOf(body: IncomingMessage): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of lineBatches(body, systemClock)) {
    lines.push(...batch.map((line) => line.toString("latin1")));
  }
  return lines;
}

test("lines are the same however the body is cut into chunks", async () => {
  const piece = fc.constantFrom("a", "\n", "long piece of a line", "\r\n", "");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(piece)), async (chunks) => {
      const parts = chunks.map((pieces) => pieces.join("")).filter((part) => part !== "");
      const wanted = parts.join("").split("\n");
      if (wanted.at(-1) === "") wanted.pop();
      expect(await linesOf(bodyOf(parts.map((part) => Buffer.from(part))))).toEqual(wanted);
    }),
  );
});

test("a line above 12 MiB ends the body, before more of it is held", async () => {
  let given = 0;
  function* endless(): Generator<Buffer> {
    for (;;) {
      given++;
      yield Buffer.alloc(1024 * 1024, "x");
    }
  }
  await expect(linesOf(bodyOf(endless()))).rejects.toThrow("TOO_LARGE");
  expect(given).toBeLessThan(40);
});

test("a client that sends nothing for five minutes ends the body", async () => {
  const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const body = new Readable({ read: () => undefined });
  const outcome = (async () => {
    for await (const batch of lineBatches(body as IncomingMessage, clock)) void batch;
  })().catch((error: unknown) => error);
  await clock.runFor(299_000);
  body.push("late\n");
  await clock.runFor(299_000);
  let isSettled = false;
  void outcome.then(() => {
    isSettled = true;
  });
  await nextMacrotask();
  expect(isSettled).toBe(false);
  await clock.runFor(2000);
  expect(String(await outcome)).toContain("REQUEST_TIMEOUT");
  body.destroy();
});
