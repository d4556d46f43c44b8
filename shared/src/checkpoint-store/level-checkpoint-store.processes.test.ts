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
const RUNS = 24;

let directory: string;
let child: ChildProcess | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stele-crash-"));
  child = null;
});
afterEach(async () => {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
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
  child = writer;
  const closed = once(writer, "close");
  let output = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => {
    const isFirst = output === "";
    output += text;
    if (isFirst && killAfterMs !== null) setTimeout(() => writer.kill("SIGKILL"), killAfterMs);
  });
  await closed;
  // A line without its end was cut by the kill.
  const lines = output.split("\n").slice(0, -1);
  const numberAfter = (word: string): number =>
    Number(lines.findLast((line) => line.startsWith(word))?.slice(word.length) ?? 0);
  const opened = numberAfter("opened ");
  const failed = lines.find((line) => line.startsWith("failed "))?.slice("failed ".length) ?? null;
  return { opened, proven: Math.max(opened, numberAfter("proven ")), failed };
}

/** How many batches the store holds, which is checked to be exactly that prefix. */
async function prefixLength(): Promise<number> {
  const store = await openLevelCheckpointStore({ directory, clock: systemClock });
  const found = isPrefix(await readAll(store));
  await store.close();
  if (found.kind === "hole") throw new Error(found.detail);
  return found.batches;
}

test("a killed process leaves an exact prefix, at or above its last proven checkpoint", async () => {
  let expected = 0;
  let proofs = 0;
  for (let run = 0; run < RUNS; run++) {
    const killAfterMs = systemRandom.below(run % 2 === 0 ? 60 : 500);
    const life = await live(process.execPath, [WRITER, directory], killAfterMs);
    expect(life.failed).toBeNull();
    expect(life.opened).toBe(expected);
    const left = await prefixLength();
    expect(left, `run ${run}, killed after ${killAfterMs} ms`).toBeGreaterThanOrEqual(life.proven);
    if (life.proven > life.opened) proofs += 1;
    expected = left;
  }
  // Without proofs or progress the runs would have shown nothing.
  expect(proofs).toBeGreaterThan(3);
  expect(expected).toBeGreaterThan(RUNS * 10);
});

test("a store that cannot write ends its process and keeps what was proven", async () => {
  // Files may not grow past the limit, as on a full disk; the log meets it first.
  const limited = `trap "" XFSZ; ulimit -f 200; exec "$0" "$@"`;
  const args = ["-c", limited, process.execPath, WRITER, directory];
  const life = await live("/bin/sh", args, null);
  expect(life.failed).toBe("StoreFailedError");
  expect(await prefixLength()).toBeGreaterThanOrEqual(life.proven);
});
