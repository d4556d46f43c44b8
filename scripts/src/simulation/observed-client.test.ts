import { SeededRandom } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { expect, test } from "vitest";
import { MemoryStore } from "../workloads/testing/memory-store.ts";
import { set, write } from "../workloads/writes.ts";
import { observedClient } from "./observed-client.ts";
import { Trace } from "./trace.ts";

const KEY = "s/\xff\x002";
const SPELLED = '"s/\\xff\\x002"';
const CALL = { patienceMs: 1_000, request: null };

test("keys in the trace are spelled as on the command line, and answers are compared as they are", async () => {
  const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  const random = new SeededRandom(2);
  const lines: string[] = [];
  const answers: string[] = [];
  const client = observedClient({
    name: "c1",
    client: new MemoryStore({ clock, random, unknownOneIn: 0, fault: null }),
    trace: new Trace(
      () => clock.monotonicMs(),
      (line) => lines.push(line),
    ),
    acknowledged: () => undefined,
    answered: (json) => answers.push(json),
  });
  const scan = { kind: "scan", start: KEY, end: null, reverse: false, columns: null } as const;
  const play = async (): Promise<void> => {
    await client.createTable("t", { ...CALL, request: "create", splitKeys: [KEY] });
    // The memory refuses a call now and then.
    while ((await client.write("t", write(KEY, [set('"v"')]), CALL))?.kind !== "written");
    while ((await client.scan("t", scan, CALL))?.kind !== "scanned");
  };
  let isDone = false;
  const playing = play().finally(() => (isDone = true));
  await clock.runUntil(() => isDone, 60_000);
  await playing;
  const trace = lines.join("\n");
  expect(trace).toContain(`"splitKeys":[${SPELLED}]`);
  expect(trace).toContain(`"key":${SPELLED},"expected"`);
  expect(trace).toContain(`"start":${SPELLED},"end":null`);
  expect(trace).toMatch(/gives .*"rows":\[\{"key":"s\/\\xff\\x002",/);
  expect(trace).toMatch(/^[\n -~]*$/);
  expect(answers.at(-1)).toContain(JSON.stringify(KEY));
});
