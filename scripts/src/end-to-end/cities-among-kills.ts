// The main job on real data: the cities of the world, with the dangerous code running (small segments,
// small buffers, little retained log), while servers are killed. The tests of a file, for as many cities as it can
// wait for.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cliRun } from "../cli/testing/cli-run.ts";
import { TestCluster } from "../launch/test-cluster.ts";
import { CityTable, firstDifference } from "./city-table.ts";
import type { ExpectedRow } from "./city-table.ts";
import { leadingMaster, serversOf, tabletsOf, verifyTable } from "./cluster-views.ts";
import { CounterLedger } from "./counter-ledger.ts";
import { linesOf, NDJSON, Rest } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

const SPLIT_KEYS = ["CN", "DE", "FR", "IT", "NL", "RU", "US"];
const CHECKPOINTS = "stele_checkpoints_total";
const FREED_SEGMENTS = "stele_log_segments_freed_total";
const SNAPSHOTS = "stele_snapshots_installed_total";
/** At least one proven checkpoint and one freed segment on so many. */
const CITIES_PER_CHECKPOINT = 6_000;
const smallStorage = [
  "--segment-bytes=1MiB",
  "--write-buffer-bytes=256KiB",
  "--retained-log-bytes=128KiB",
];

interface Row {
  readonly key: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly rows: readonly Row[];
  readonly nextPageToken?: string;
}

let cities: CityTable;
let cluster: TestCluster;
let rest: Rest;
let ledger: CounterLedger;

/** The import's input; when these shares of it were read, something happens that the rest waits for. */
async function* linesWith(
  events: ReadonlyMap<number, () => Promise<void>>,
): AsyncGenerator<Buffer> {
  const step = 500;
  const waiting = new Map(events);
  for (let from = 0; from < cities.lines.length; from += step) {
    for (const [share, event] of waiting) {
      if (from < share * cities.lines.length) continue;
      waiting.delete(share);
      await event();
    }
    yield Buffer.from(`${cities.lines.slice(from, from + step).join("\n")}\n`);
  }
}

async function streamRows(query: string): Promise<Row[]> {
  const reply = await rest.get(`/tables/cities/rows${query}`, {
    headers: { accept: NDJSON },
    guardMs: 60_000,
  });
  const lines = linesOf<Row & { readonly end?: { readonly rows: number } }>(reply);
  const rows = lines.filter(({ key }) => key !== undefined);
  expect(lines.at(-1)?.end).toMatchObject({ rows: rows.length });
  return rows;
}

async function pageRows(query: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let token = ""; ;) {
    const reply = await rest.get(`/tables/cities/rows${query}${token}`);
    expect(reply.status, reply.text).toBe(200);
    const page = reply.json<Page>();
    rows.push(...page.rows);
    if (page.nextPageToken === undefined) return rows;
    token = `&pageToken=${encodeURIComponent(page.nextPageToken)}`;
  }
}

async function countCities(): Promise<number> {
  const reply = await rest.post("/tables/cities/rows:count", {}, { guardMs: 60_000 });
  expect(reply.status, reply.text).toBe(200);
  return reply.json<{ count: number }>().count;
}

async function expectAllCities(): Promise<void> {
  expect(await countCities()).toBe(cities.rows.length);
  expect(firstDifference(await streamRows(""), cities.rows)).toBeNull();
}

async function busiestServer(): Promise<string> {
  const servers = await serversOf(rest);
  return servers.toSorted((a, b) => b.leaders - a.leaders)[0]?.id ?? "ts1";
}

/** Every test of the calling file, with each `every`-th city. */
export function testCitiesAmongKills({ every }: { readonly every: number }): void {
  beforeAll(async () => {
    cities = new CityTable(every);
    cluster = await TestCluster.start({
      masters: 3,
      tabletServers: 3,
      frontends: 1,
      flags: { master: smallStorage, "tablet-server": smallStorage },
    });
    rest = new Rest(cluster.url);
    ledger = new CounterLedger(cluster, [CHECKPOINTS, FREED_SEGMENTS, SNAPSHOTS]);
  });

  afterAll(async () => {
    await rest?.[Symbol.asyncDispose]();
    const complaints = cluster === undefined ? [] : complaintsOf(cluster);
    await cluster?.[Symbol.asyncDispose]();
    expect(complaints).toEqual([]);
  });

  testImport();
  testWhatIsThere();
  testReadsAmongKills();
}

function testImport(): void {
  test("every city arrives although a tablet server and the leading master are killed", async () => {
    const created = await rest.post("/tables", {
      name: "cities",
      families: { place: {}, population: {} },
      splitKeys: SPLIT_KEYS,
    });
    expect(created.status, created.text).toBe(201);
    expect(created.json()).toMatchObject({ tablets: 8, replicas: 3 });

    const server = await busiestServer();
    const master = await leadingMaster(cluster, rest);
    const beside: Promise<void>[] = [];
    const killServer = async (): Promise<void> => {
      await ledger.close(server);
      await cluster.kill(server);
    };
    const killMaster = async (): Promise<void> => {
      await cluster.kill(master);
      await cluster.restart(master);
    };
    // Lines are read long before they are written; what it misses is more than the log keeps for it.
    const restartServer = async (): Promise<void> => {
      const isHalfThere = async (): Promise<boolean> => {
        return (await countCities()) > cities.rows.length / 2;
      };
      await cluster.waitFor(isHalfThere, { what: "half of the cities are there" });
      beside.push(cluster.restart(server));
    };
    const events = new Map([
      [0.15, killServer],
      [0.35, async () => void beside.push(killMaster())],
      [0.75, restartServer],
    ]);
    const result = await cliRun(["import", "cities", "-", "--url", rest.url], {
      stdin: linesWith(events),
    });
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stderr).toContain(`imported ${cities.rows.length} rows`);
    await Promise.all(beside);
    console.log(result.stderr.split("\n").at(-2));
    await expectAllCities();
  });
}

function testWhatIsThere(): void {
  test.for<[prefix: string, limit: number]>([
    ["DE:", 1000],
    ["US:S", 137],
    ["ZZ", 10],
  ])(
    "the rows of prefix %s are those of a plain computation, in key order",
    async ([prefix, limit]) => {
      const expected: ExpectedRow[] = cities.withPrefix(prefix);
      expect(
        firstDifference(await pageRows(`?prefix=${prefix}&limit=${limit}`), expected),
      ).toBeNull();
      expect(firstDifference(await streamRows(`?prefix=${prefix}`), expected)).toBeNull();
      const reverse = await pageRows(`?prefix=${prefix}&limit=${limit}&reverse=true`);
      expect(firstDifference(reverse, expected.toReversed())).toBeNull();
    },
  );

  test("all replicas of each tablet hold the same rows", async () => {
    expect(await tabletsOf(rest, "cities")).toHaveLength(8);
    const rows = await verifyTable(cluster, rest, { table: "cities", voters: 3 });
    expect(rows).toBe(cities.rows.length);
  });

  test("checkpoints were proven, log segments freed and snapshots installed", async () => {
    const totals = await ledger.totals();
    console.log(totals);
    const due = Math.floor(cities.rows.length / CITIES_PER_CHECKPOINT);
    expect(due).toBeGreaterThan(5);
    expect(totals[CHECKPOINTS], "proven checkpoints").toBeGreaterThanOrEqual(due);
    expect(totals[FREED_SEGMENTS], "freed segments").toBeGreaterThanOrEqual(due);
    expect(totals[SNAPSHOTS], "installed snapshots").toBeGreaterThanOrEqual(3);
  });
}

function testReadsAmongKills(): void {
  test("a stream of the whole table goes on, no row twice or missing, when a server is killed", async () => {
    const server = await busiestServer();
    let isRead = false;
    const reading = streamRows("").finally(() => (isRead = true));
    await sleep(50);
    await cluster.kill(server);
    expect(isRead, "read before the server died").toBe(false);
    expect(firstDifference(await reading, cities.rows)).toBeNull();
    await cluster.restart(server);
  });

  test("an export goes on by itself when the front-end is killed", async () => {
    const file = join(cluster.directory.path, "cities.ndjson");
    const exporting = cliRun(["export", "cities", "--out", file, "--url", rest.url]);
    await cluster.waitFor(async () => statSync(`${file}.part`).size > 0, {
      what: "the export has begun",
      everyMs: 5,
    });
    await cluster.kill("fe1");
    await cluster.restart("fe1");
    const result = await exporting;
    expect(result.exitCode, result.stderr).toBe(0);
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    const rows = lines
      .map((line) => JSON.parse(line) as Row)
      .filter(({ key }) => key !== undefined);
    expect(firstDifference(rows, cities.rows)).toBeNull();
  });

  test("nothing is lost when all processes are killed at once", async () => {
    const ids = cluster.processes.map(({ id }) => id);
    await Promise.all(ids.map((id) => cluster.kill(id)));
    await Promise.all(ids.map((id) => cluster.restart(id)));
    await expectAllCities();
    const rows = await verifyTable(cluster, rest, { table: "cities", voters: 3 });
    expect(rows).toBe(cities.rows.length);
  });
}
