import { SeededRandom } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { expect, test } from "vitest";
import type { StoreClient } from "../workloads/store-client.ts";
import { MemoryStore } from "../workloads/testing/memory-store.ts";
import { set, write } from "../workloads/writes.ts";
import { probe, PROBE_KINDS } from "./probes.ts";

const KEY = "k";
const CALL = { patienceMs: 1000, request: "one" };

/** The memory refuses a call now and then. */
async function rowOf(client: StoreClient): Promise<unknown> {
  for (;;) {
    const answer = await client.get("t", { kind: "get", key: KEY, columns: null }, CALL);
    if (answer?.kind === "read") return answer.row;
  }
}

test.each(PROBE_KINDS)(
  "%s probes go on until the run is over, and change nothing",
  async (kind) => {
    const clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
    const random = new SeededRandom(2);
    const client = new MemoryStore({ clock, random, unknownOneIn: 0, fault: null });
    let answers = 0;
    let isOver = false;
    let isDone = false;
    const play = async (): Promise<[unknown, unknown]> => {
      await client.createTable("t", CALL);
      await client.write("t", write(KEY, [set('"v"')]), { ...CALL, request: null });
      const before = await rowOf(client);
      const row = { table: "t", key: KEY };
      const answered = (): void => void answers++;
      await probe({
        clock,
        random,
        client,
        row,
        kind,
        pauseMs: 20,
        isOver: () => isOver,
        answered,
      });
      return [before, await rowOf(client)];
    };
    const playing = play().finally(() => (isDone = true));
    await clock.runFor(2_000);
    expect(answers).toBeGreaterThan(10);
    isOver = true;
    await clock.runUntil(() => isDone, 10_000);
    const [before, after] = await playing;
    expect(before).toMatchObject({ version: expect.any(Number) });
    expect(after).toEqual(before);
  },
);
