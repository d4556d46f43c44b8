import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { systemRandom } from "../random.ts";
import { openLevelCheckpointStore } from "./level-checkpoint-store.adapter.ts";
import { isPrefix, readAll } from "./testing/numbered-batches.ts";

const WRITER = fileURLToPath(new URL("./testing/crash-writer.adapter.ts", import.meta.url));
/** Beside each other, since a run mostly waits for its kill. */
const STORES = 2;
const RUNS_PER_STORE = 12;

let directory: string;
let children: Set<ChildProcess>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-crash-"));
  children = new Set();
});
afterEach(async () => {
  await Promise.all(
    [...children].map(async (child) => {
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    }),
  );
  rmSync(directory, { recursive: true, force: true });
});

interface Life {
  /** Batches that the writer found when it opened the store. */
  readonly opened: number;
  /** The last batch that it said to be proven, or what it found. */
  readonly proven: number;
  readonly failed: string | null;
}

/** Runs the writer until it ends; kills it `killAfterMs` after it opened the store, if given. */
async function live(command: string, args: string[], killAfterMs: number | null): Promise<Life> {
  const writer = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(writer);
  const closed = once(writer, "close");
  let output = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => {
    const isFirst = output === "";
    output += text;
    if (isFirst && killAfterMs !== null) setTimeout(() => writer.kill("SIGKILL"), killAfterMs);
  });
  await closed;
  children.delete(writer);
  // A line without its end was cut by the kill.
  const lines = output.split("\n").slice(0, -1);
  const numberAfter = (word: string): number =>
    Number(lines.findLast((line) => line.startsWith(word))?.slice(word.length) ?? 0);
  const opened = numberAfter("opened ");
  const failed = lines.find((line) => line.startsWith("failed "))?.slice("failed ".length) ?? null;
  return { opened, proven: Math.max(opened, numberAfter("proven ")), failed };
}

/** How many batches the store holds, which is checked to be exactly that prefix. */
async function prefixLength(directory: string): Promise<number> {
  const store = await openLevelCheckpointStore({ directory, clock: systemClock });
  const found = isPrefix(await readAll(store));
  await store.close();
  if (found.kind === "hole") throw new Error(found.detail);
  return found.batches;
}

/** Kills a writer of the same store again and again; returns how many runs proved a checkpoint. */
async function killAgainAndAgain(store: string): Promise<number> {
  let expected = 0;
  let proofs = 0;
  for (let run = 0; run < RUNS_PER_STORE; run++) {
    const killAfterMs = systemRandom.below(run % 2 === 0 ? 60 : 500);
    const life = await live(process.execPath, [WRITER, store], killAfterMs);
    expect(life.failed).toBeNull();
    expect(life.opened).toBe(expected);
    const left = await prefixLength(store);
    expect(left, `run ${run}, killed after ${killAfterMs} ms`).toBeGreaterThanOrEqual(life.proven);
    if (life.proven > life.opened) proofs += 1;
    expected = left;
  }
  // Without progress or proofs the runs would have shown nothing.
  expect(expected).toBeGreaterThan(RUNS_PER_STORE * 10);
  return proofs;
}

test("a killed process leaves an exact prefix, at or above its last proven checkpoint", async () => {
  const stores = Array.from({ length: STORES }, (_, index) => join(directory, String(index)));
  const proofs = await Promise.all(stores.map(killAgainAndAgain));
  expect(proofs.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3);
});

test("a store that cannot write ends its process and keeps what was proven", async () => {
  // Files may not grow past the limit, as on a full disk; the log meets it first.
  const limited = `trap "" XFSZ; ulimit -f 200; exec "$0" "$@"`;
  const args = ["-c", limited, process.execPath, WRITER, directory];
  const life = await live("/bin/sh", args, null);
  expect(life.failed).toBe("StoreFailedError");
  expect(await prefixLength(directory)).toBeGreaterThanOrEqual(life.proven);
});
