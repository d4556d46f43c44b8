/**
 * The commit log on a real disk: appends per second by batch size, and how recovery of one full
 * segment treats the event loop. Run: node shared/src/commit-log/commit-log.bench.ts [directory]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { systemRandom } from "../random.ts";
import type { OpenedLog } from "./commit-log.ts";
import { FileLogDirectory } from "./log-directory.adapter.ts";
import { OWN_ID, entries, entry } from "./testing/log-samples.ts";
import { openCommitLog } from "./open-commit-log.ts";

const PAYLOAD = Buffer.alloc(200, 7);
const SECONDS = 2;

function openIn(path: string, deliver = (): void => undefined): Promise<OpenedLog> {
  const directory = new FileLogDirectory(path);
  return openCommitLog({ directory, serverId: OWN_ID, random: systemRandom, deliver });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function benchAppends(path: string, recordCount: number): Promise<void> {
  const { log } = await openIn(path);
  const latenciesMs: number[] = [];
  const start = performance.now();
  while (performance.now() - start < SECONDS * 1000) {
    const index = latenciesMs.length + 1;
    const before = performance.now();
    const records = Array.from({ length: recordCount }, (_, tablet) =>
      entries(tablet, entry(index, PAYLOAD)),
    );
    await log.append(records);
    latenciesMs.push(performance.now() - before);
  }
  const seconds = (performance.now() - start) / 1000;
  await log.close();
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): string =>
    (latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(2);
  const appends = Math.round(latenciesMs.length / seconds);
  const rate = `${appends} appends/s, ${appends * recordCount} records/s`;
  print(`${recordCount} records of 200 B: ${rate}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

async function benchRecovery(path: string): Promise<void> {
  const { log } = await openIn(path);
  const records = Array.from({ length: 256 }, (_, tablet) => entries(tablet, entry(1, PAYLOAD)));
  while (log.segments().length < 2) await log.append(records);
  await log.close();
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  const before = performance.now();
  let count = 0;
  const opened = await openIn(path, () => void count++);
  const took = performance.now() - before;
  stalls.disable();
  const stallMs = (stalls.max / 1e6).toFixed(1);
  const found = `${count} records in ${opened.log.segments().length} segments`;
  print(`recovery of ${found}: ${took.toFixed(0)} ms, longest stall ${stallMs} ms`);
  await opened.log.close();
}

const parent = mkdtempSync(join(process.argv[2] ?? tmpdir(), "stele-log-bench-"));
try {
  for (const count of [1, 16, 256]) await benchAppends(join(parent, `append-${count}`), count);
  await benchRecovery(join(parent, "recovery"));
} finally {
  rmSync(parent, { recursive: true });
}
