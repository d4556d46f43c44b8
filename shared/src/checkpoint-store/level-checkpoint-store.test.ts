// What only the real store can show: its directory, its logs, its refusals.
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { SeededRandom } from "../random.ts";
import { StoreFailedError, StoreReadError, StoreRefusedError } from "./checkpoint-store.ts";
import type { CheckpointStore, StoreOperation } from "./checkpoint-store.ts";
import { openLevelCheckpointStore } from "./level-checkpoint-store.adapter.ts";

let directory: string;
let store: CheckpointStore | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-level-"));
  store = null;
});
afterEach(async () => {
  await store?.close().catch(() => undefined);
  rmSync(directory, { recursive: true, force: true });
});

const data = (): string => join(directory, "store");

async function open(path = data(), options: { readonly mustExist?: boolean } = {}) {
  store = await openLevelCheckpointStore({
    directory: path,
    clock: systemClock,
    writeBufferBytes: 256 * 1024,
    ...options,
  });
  return store;
}

async function closeStore(): Promise<void> {
  await store?.close();
  store = null;
}

const put = (key: string, value: string): StoreOperation => ({
  type: "put",
  key: Buffer.from(key),
  value: Buffer.from(value),
});

/** A closed store with `count` rows of 1 KiB in its tables. */
async function fillStore(count: number): Promise<void> {
  const filled = await open();
  const random = new SeededRandom(1);
  for (let at = 0; at < count; at++) {
    const key = Buffer.from(`row ${String(at).padStart(5, "0")}`);
    await filled.write([{ type: "put", key, value: random.bytes(1024) }]);
  }
  await closeStore();
}

const filesLike = (pattern: RegExp): string[] =>
  readdirSync(data())
    .filter((name) => pattern.test(name))
    .map((name) => join(data(), name));

/** Overwrites `length` bytes in the middle of a file. */
function damageFile(path: string, length: number): void {
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  writeFileSync(path, bytes.fill(0xff, middle, middle + length));
}

test("batches that only LevelDB's own log holds are not there after a crash", async () => {
  const running = await open();
  await running.write([put("proven", "1")]);
  await running.checkpoint();
  await running.write([put("young", "1")]);
  const copy = join(directory, "copy");
  cpSync(data(), copy, { recursive: true });
  expect(readdirSync(copy).some((name) => name.endsWith(".log"))).toBe(true);
  await closeStore();
  const reopened = await open(copy);
  const keys = ["proven", "young"].map((key) => Buffer.from(key));
  expect(await reopened.getMany(keys)).toEqual([Buffer.from("1"), undefined]);
});

describe("a store is refused, and its files left as they are,", () => {
  async function expectRefused(options: { readonly mustExist?: boolean } = {}): Promise<void> {
    const matters = /^(CURRENT|MANIFEST-.*|.*\.ldb)$/;
    const before = filesLike(matters);
    await expect(open(data(), options)).rejects.toThrow(StoreRefusedError);
    expect(filesLike(matters)).toEqual(before);
  }

  test("when its manifest is damaged", async () => {
    await fillStore(20);
    for (const manifest of filesLike(/^MANIFEST/)) damageFile(manifest, 1);
    await expectRefused();
  });

  test("when CURRENT is gone, where LevelDB would start an empty store", async () => {
    await fillStore(20);
    rmSync(join(data(), "CURRENT"));
    await expectRefused();
  });

  test("when CURRENT names a manifest that is not there", async () => {
    await fillStore(20);
    for (const manifest of filesLike(/^MANIFEST/)) rmSync(manifest);
    await expectRefused();
  });

  test("when a table is gone", async () => {
    await fillStore(20);
    for (const table of filesLike(/\.ldb$/)) rmSync(table);
    await expectRefused();
  });

  test("when it is empty although it was in use before", async () => {
    await fillStore(0);
    rmSync(data(), { recursive: true });
    await expect(open(data(), { mustExist: true })).rejects.toThrow(StoreRefusedError);
  });
});

test("a store that cannot be opened now is not taken for a damaged one", async () => {
  await open();
  const held = openLevelCheckpointStore({ directory: data(), clock: systemClock });
  await expect(held).rejects.toThrow(StoreFailedError);
  const file = join(directory, "file");
  writeFileSync(file, "");
  const noDirectory = openLevelCheckpointStore({ directory: file, clock: systemClock });
  await expect(noDirectory).rejects.toThrow(StoreFailedError);
});

describe("a damaged table", () => {
  const everything = { start: Buffer.from("a"), end: Buffer.from("z"), reverse: false };

  const rowKey = (at: number): string => `row ${String(at).padStart(5, "0")}`;

  // Repetitions compress, and damage to a compressed block mostly shows when it is read. LevelDB puts
  // the first table on level 2, the next on 1, and then on 0, whose compaction reads level 1.
  async function fillLevels(): Promise<void> {
    const filled = await open();
    const random = new SeededRandom(4);
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 600; at++) {
        const value = `${round} ${random.bytes(32).toString("hex").repeat(16)}`;
        await filled.write([put(rowKey(at), value)]);
      }
      await filled.checkpoint();
    }
    await closeStore();
  }

  async function damageBlocks(): Promise<void> {
    await fillLevels();
    for (const table of filesLike(/\.ldb$/)) damageFile(table, 300);
  }

  async function cutTables(): Promise<void> {
    await fillLevels();
    for (const table of filesLike(/\.ldb$/)) {
      truncateSync(table, Math.floor(statSync(table).size / 2));
    }
  }

  test("fails the walk that reads to the end, and the close of one that stopped before", async () => {
    await damageBlocks();
    const damaged = await open();
    const whole = damaged.iterate(everything);
    const readToEnd = async (): Promise<void> => {
      while ((await whole.next(100, 1e6)).length > 0);
    };
    await expect(readToEnd()).rejects.toThrow(StoreReadError);
    await whole.close();
    const page = damaged.iterate(everything);
    const rounds = (await page.next(400, 1e6)).map(([, value]) => value.toString().slice(0, 1));
    expect(rounds.length).toBe(400);
    // Older values show through where newer ones cannot be read.
    expect(new Set(rounds).size).toBeGreaterThan(1);
    await expect(page.close()).rejects.toThrow(StoreReadError);
  });

  test("that lost its end is damage, not a disk that fails", async () => {
    await cutTables();
    const damaged = await open();
    const walk = damaged.iterate(everything);
    await expect(walk.next(100, 1e6)).rejects.toMatchObject({ isDamage: true });
    await walk.close();
  });

  test.each([
    ["a damaged block", damageBlocks],
    ["a table that lost its end", cutTables],
  ])("fails the store for good once a compaction meets %s", async (_, damage) => {
    await damage();
    const damaged = await open();
    const rewrite = async (): Promise<void> => {
      const random = new SeededRandom(2);
      for (let at = 0; at < 10_000; at++) {
        const key = Buffer.from(rowKey(at % 600));
        await damaged.write([{ type: "put", key, value: random.bytes(1024) }]);
      }
    };
    await expect(rewrite()).rejects.toThrow(StoreFailedError);
    await expect(damaged.checkpoint()).rejects.toThrow(StoreFailedError);
    await closeStore();
    await expect(open()).rejects.toThrow(StoreRefusedError);
  });
});

test("a checkpoint fails when the directory is gone, although LevelDB's flush resolves", async () => {
  const running = await open();
  await running.write([put("a", "1")]);
  rmSync(data(), { recursive: true });
  await expect(running.checkpoint()).rejects.toThrow(StoreFailedError);
  await expect(running.write([put("a", "2")])).rejects.toThrow(StoreFailedError);
});
