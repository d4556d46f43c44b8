import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { beforeEach, expect, test } from "vitest";
import { SeededRandom } from "@stele/shared/random.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { drained } from "./drain.ts";

let clock: SimulatedClock;
let body: PassThrough;

beforeEach(() => {
  clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  body = new PassThrough();
});

/** Drains with at most 1000 bytes; the end of the draining. */
function drain(): Promise<void> {
  return drained(body as unknown as IncomingMessage, clock, 1000);
}

async function passSeconds(seconds: number): Promise<void> {
  await clock.runFor(seconds * 1000);
}

test("a body that ends is taken whole, and the connection lives", async () => {
  const end = drain();
  body.write("a".repeat(900));
  await passSeconds(5);
  body.end("b");
  await end;
  await passSeconds(120);
  expect(body.errored).toBeNull();
});

test("a client that pauses, or sends too much, is cut off", async () => {
  const paused = drain();
  await passSeconds(11);
  expect(body.destroyed).toBe(true);
  await paused;
  body = new PassThrough();
  const tooMuch = drain();
  body.write("a".repeat(1001));
  await tooMuch;
  expect(body.destroyed).toBe(true);
});

test("a client that sends a byte now and then is cut off after a minute", async () => {
  const end = drain();
  for (let at = 0; at < 9; at++) {
    expect(body.destroyed).toBe(false);
    body.write("a");
    await passSeconds(7);
  }
  expect(body.destroyed).toBe(true);
  await end;
});
