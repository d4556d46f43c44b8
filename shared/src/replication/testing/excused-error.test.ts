import { InvariantError } from "../../assert.ts";
import { StoreReadError } from "../../checkpoint-store/checkpoint-store.ts";
import { MemoryStoreDisk } from "../../checkpoint-store/testing/memory-checkpoint-store.ts";
import { LogFailedError } from "../../commit-log/commit-log.ts";
import { openCommitLog } from "../../commit-log/open-commit-log.ts";
import { DiskError } from "../../commit-log/testing/memory-files.ts";
import { MemoryLogDisk } from "../../commit-log/testing/memory-log-disk.ts";
import { serverId } from "../../ids.ts";
import { SeededRandom } from "../../random.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { expect, test } from "vitest";
import { isExcused } from "./excused-error.ts";

const SOUND = { tainted: false, isMachineDamage: () => false };
const DAMAGED = { tainted: true, isMachineDamage: (error: unknown) => error instanceof RangeError };
const random = new SeededRandom(1);

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (error: unknown) => error,
  );
}

test("a log without room ends a process, and so does a store that cannot write", async () => {
  const log = new MemoryLogDisk({ random });
  log.limitCapacity(10);
  const own = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
  const opening = openCommitLog({ directory: log.openDirectory(), serverId: own, random });
  const noLog = await thrownBy(opening);
  expect(noLog).toBeInstanceOf(LogFailedError);
  expect(isExcused(noLog, SOUND)).toBe(true);

  const line = new SimulatedClock(random, nextMacrotask);
  const disk = new MemoryStoreDisk({ clock: line, random });
  const store = await disk.open();
  disk.failWrites(new DiskError("ENOSPC", "the store"));
  const writing = thrownBy(store.write([{ type: "put", key: Buffer.of(1), value: Buffer.of(1) }]));
  await line.runFor(100);
  expect(isExcused(await writing, SOUND)).toBe(true);
});

test("what else goes wrong is not excused by a fault of the disk at the same time", () => {
  const disk = new DiskError("EIO", "segment");
  const mistake = new TypeError("undefined is not a function");
  expect(isExcused(mistake, DAMAGED)).toBe(false);
  expect(isExcused(new LogFailedError("the disk failed", { cause: mistake }), DAMAGED)).toBe(false);
  expect(isExcused(new DiskError("ENOENT", "segment"), DAMAGED)).toBe(false);
  const broken = new InvariantError("no entry");
  expect(isExcused(Object.assign(broken, { cause: disk }), DAMAGED)).toBe(false);
});

test("damage is excused only while something may be damaged", () => {
  const damage = new StoreReadError("a row", { isDamage: true });
  expect([isExcused(damage, DAMAGED), isExcused(damage, SOUND)]).toEqual([true, false]);
  expect(isExcused(new StoreReadError("a row", { isDamage: false }), DAMAGED)).toBe(false);
  const record = new RangeError("a record of a machine");
  expect([isExcused(record, DAMAGED), isExcused(record, SOUND)]).toEqual([true, false]);
});
