/**
 * What routing costs a warm call, beside the codecs and the channel: one tablet, a channel that answers
 * in the next microtask with a reply encoded before.
 *
 *   node frontend/src/routing/tablet-calls.bench.ts [seconds]
 */
import { systemClock } from "@stele/shared/clock.ts";
import { logIndex, replicaId, tableId, tabletId, version } from "@stele/shared/ids.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { systemRandom } from "@stele/shared/random.ts";
import { encodeRowCall } from "@stele/shared/wire/row-calls.ts";
import { decodeRowReply, encodeRowReply } from "@stele/shared/wire/row-replies.ts";
import { RetryNumbers } from "./retry-numbers.ts";
import { routedRows } from "./row-operations.ts";
import { ROUTING_LIMITS } from "./routing-limits.ts";
import { routingMetrics } from "./routing-metrics.ts";
import { ServerDirectory } from "./server-directory.ts";
import { TabletCalls } from "./tablet-calls.ts";
import { TabletLocator } from "./tablet-locator.ts";
import { TabletMapCache } from "./tablet-map-cache.ts";
import { server } from "./testing/fake-tablet.ts";
import { EVERYTHING, writeOf } from "./testing/routing-harness.ts";

const TABLETS = 1000;
const CALLERS = 64;

const servedBy = {
  server: "ts1",
  role: "leader",
  tablet: tabletId(1),
  generation: 1,
  staleness: 0,
  session: version(1),
} as const;
const key = Buffer.from("k500x");
const cells = [
  {
    family: "d",
    qualifier: Buffer.from("x"),
    timestamp: version(1),
    value: Buffer.alloc(100),
    int64: false,
  },
];
const readReply = encodeRowReply({
  kind: "read",
  servedBy,
  rows: [{ key, version: version(1), cells }],
});
const result = {
  version: version(1),
  createdRow: false,
  createdColumn: false,
  matched: true,
  computed: [],
  replayed: false,
};
const writeReply = encodeRowReply({
  kind: "written",
  servedBy,
  outcomes: [{ kind: "done", result }],
});

function rowsOver(reply: Buffer) {
  const limits = { ...ROUTING_LIMITS, mapEntryMs: 3_600_000 };
  const clock = systemClock;
  const cache = new TabletMapCache(limits);
  const servers = new ServerDirectory();
  const bound = (at: number) =>
    at === 0 || at === TABLETS ? null : Buffer.from(`k${String(at).padStart(3, "0")}`);
  const tablets = Array.from({ length: TABLETS }, (_, at) => ({
    tabletId: tabletId(at + 1),
    range: { start: bound(at), end: bound(at + 1) },
    generation: 1,
    configIndex: logIndex(1),
    replicas: [{ replicaId: replicaId(1), serverId: server(1), role: "voter" as const }],
    leader: server(1),
  }));
  cache.learnTable("t", tableId(1), tablets, clock.monotonicMs());
  const masters = { call: () => Promise.reject(new Error("not asked")), silence: null };
  const locator = new TabletLocator({ clock, cache, servers, masters, ...limits, lookUpMs: 1000 });
  const calls = new TabletCalls({
    clock,
    random: systemRandom,
    calls: { call: () => Promise.resolve(reply) },
    cache,
    servers,
    locator,
    limits,
    metrics: routingMetrics(new Metrics()),
  });
  return routedRows({
    clock,
    locator,
    calls,
    limits,
    numbers: new RetryNumbers(systemRandom, limits),
  });
}

async function measure(name: string, seconds: number, call: () => Promise<unknown>): Promise<void> {
  for (let warm = 0; warm < 50_000; warm++) await call();
  const before = process.cpuUsage();
  const startMs = performance.now();
  let calls = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1000) {
      await call();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const { user, system } = process.cpuUsage(before);
  const micros = ((user + system) / calls).toFixed(2);
  process.stdout.write(`${micros.padStart(8)} us of CPU a call  ${name}\n`);
}

const seconds = Number(process.argv[2] ?? 2);
const signal = new AbortController().signal;
const limits = () => ({ deadlineMs: systemClock.monotonicMs() + 10_000, signal });
const write = writeOf("k500x");
const reads = rowsOver(readReply);
const writes = rowsOver(writeReply);
const target = { tabletId: tabletId(1), generation: 1 };
await measure("nothing", seconds, () => Promise.resolve());
await measure("codecs of a read", seconds, async () => {
  encodeRowCall({ kind: "read", ...target, keys: [key], projection: EVERYTHING });
  return decodeRowReply(readReply);
});
await measure("read", seconds, () => reads.read("t", key, EVERYTHING, limits()));
await measure("codecs of a write", seconds, async () => {
  const writing = [{ seq: 1, write }];
  encodeRowCall({
    kind: "write",
    ...target,
    sequenceId: 1n,
    doneBelow: 1,
    retired: [],
    hasStrays: false,
    writes: writing,
  });
  return decodeRowReply(writeReply);
});
await measure("write", seconds, () => writes.write("t", write, limits()));
