import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { tabletId } from "@stele/shared/ids.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { appliedStateKey, garbageKey } from "@stele/shared/replication/host-keys.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { expect, test } from "vitest";
import { WatchedStore } from "./watched-store.ts";

test("data that is written without saying how far it goes is told, everything else is not", async () => {
  const random = new SeededRandom(1);
  const clock = new SimulatedClock(random, nextMacrotask);
  const told: string[] = [];
  const store = new WatchedStore(
    await clock.until(new MemoryStoreDisk({ clock, random }).open()),
    (keys) => told.push(...keys.map((key) => key.toString("hex"))),
  );
  const put = (key: Buffer) => ({ type: "put", key, value: Buffer.from("x") }) as const;
  const row = put(Buffer.of(0x10, 1));
  await clock.until(store.write([row, put(appliedStateKey(tabletId(1)))]));
  await clock.until(store.write([put(garbageKey(1))]));
  expect(told).toEqual([]);
  await clock.until(store.write([row, put(garbageKey(1))]));
  expect(told).toEqual(["1001"]);
});
