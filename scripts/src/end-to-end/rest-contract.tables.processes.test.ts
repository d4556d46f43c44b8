// Sections 2, 6 and 7 of the REST contract, sentence by sentence, against a real cluster.
import { describe, expect, test } from "vitest";
import type { TestCluster } from "../launch/test-cluster.ts";
import { tabletsOf } from "./cluster-views.ts";
import type { Tablet } from "./cluster-views.ts";
import { expectProblem } from "./problem-check.ts";
import { Rest } from "./rest.ts";
import { setUpOnce } from "./set-up-once.ts";
import { TwoFrontends } from "./two-frontends.ts";

let cluster: TestCluster;
let rest: Rest;
/** The same cluster by way of another front-end. */
let other: Rest;

setUpOnce(
  () => TwoFrontends.start({ masters: 3, tabletServers: 3 }),
  (started) => ({ cluster, rest, other } = started),
);

describe("tables", () => {
  test("only a name is required; the answer is the table with its defaults", async () => {
    const created = await rest.post("/tables", { name: "plain" });
    expect(created.status, created.text).toBe(201);
    const table = created.json<{ id: string; createdAt: string }>();
    expect(table).toEqual({
      name: "plain",
      id: expect.stringMatching(/./),
      families: { d: { maxVersions: 1, maxAgeSeconds: null } },
      partitioning: "range",
      replicas: 3,
      tablets: 1,
      deletionProtection: false,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
    });
    expect(Math.abs(Date.parse(table.createdAt) - Date.now())).toBeLessThan(60_000);
    expect((await other.get("/tables/plain")).json()).toEqual(table);
    const list = (await other.get("/tables")).json<{ tables: unknown[] }>();
    expect(list.tables).toContainEqual(table);
    expect((await rest.head("/tables/plain")).status).toBe(200);
    expectProblem(await other.post("/tables", { name: "plain" }), 409, "TABLE_EXISTS");
  });

  test("a table takes writes at once, by way of every front-end", async () => {
    const body = {
      name: "prompt",
      splitKeys: ["g", "p"],
      families: { a: {}, b: { maxVersions: null } },
    };
    const created = await rest.post("/tables", body);
    expect(created.json(), created.text).toMatchObject({
      tablets: 3,
      families: { a: { maxVersions: 1 }, b: { maxVersions: null } },
    });
    for (const key of ["a", "g", "o", "p", "z"]) {
      const by = key < "m" ? rest : other;
      const put = await by.put(`/tables/prompt/rows/${key}?timeout=2s`, {
        columns: { "a:x": "1" },
      });
      expect(put.status, put.text).toBe(201);
    }
    const tablets = await tabletsOf(other, "prompt");
    expect(tablets.map(({ start, end }) => [start, end])).toEqual([
      [null, "g"],
      ["g", "p"],
      ["p", null],
    ]);
    for (const tablet of tablets) expectTablet(tablet);
  });

  function expectTablet({ leader, generation, replicas, sizeBytes, rows }: Tablet): void {
    expect(leader).toMatch(/^ts[123]$/);
    expect(generation).toEqual(expect.any(Number));
    expect(replicas.map(({ server }) => server).toSorted()).toEqual(["ts1", "ts2", "ts3"]);
    expect(replicas.filter(({ role }) => role === "leader").map(({ server }) => server)).toEqual([
      leader,
    ]);
    expect([sizeBytes, rows]).toEqual([expect.any(Number), expect.any(Number)]);
  }

  test("tablets are listed in pages and by prefix", async () => {
    const splitKeys = ["a", "b", "ba", "bb", "c"];
    expect((await rest.post("/tables", { name: "parts", splitKeys })).status).toBe(201);
    const all = await tabletsOf(rest, "parts");
    expect(all).toHaveLength(6);
    const ids: string[] = [];
    for (let token = ""; ;) {
      const reply = await rest.get(`/tables/parts/tablets?limit=4${token}`);
      const page = reply.json<{ tablets: Tablet[]; nextPageToken?: string }>();
      ids.push(...page.tablets.map(({ id }) => id));
      if (page.nextPageToken === undefined) break;
      token = `&pageToken=${encodeURIComponent(page.nextPageToken)}`;
    }
    expect(ids).toEqual(all.map(({ id }) => id));
    const prefixed = await rest.get("/tables/parts/tablets?prefix=b");
    const { tablets } = prefixed.json<{ tablets: Tablet[] }>();
    expect(tablets.map(({ start }) => start)).toEqual(["b", "ba", "bb"]);
  });

  test("replicas and leaders are spread evenly", async () => {
    const splitKeys = ["b", "d", "f", "h", "j"];
    expect((await rest.post("/tables", { name: "even", splitKeys })).status).toBe(201);
    const leaders = (await tabletsOf(rest, "even")).map(({ leader }) => leader);
    for (const server of ["ts1", "ts2", "ts3"]) {
      const led = leaders.filter((leader) => leader === server).length;
      expect(led, `${server} of ${leaders}`).toBeGreaterThanOrEqual(1);
    }
  });

  test("replicas are 1, 3 or 5, and not more than servers live", async () => {
    const one = await rest.post("/tables", { name: "single", replicas: 1 });
    expect(one.json(), one.text).toMatchObject({ replicas: 1 });
    const [tablet] = await tabletsOf(rest, "single");
    expect(tablet?.replicas).toHaveLength(1);
    expectProblem(
      await rest.post("/tables", { name: "five", replicas: 5 }),
      409,
      "NOT_ENOUGH_SERVERS",
    );
    expectProblem(await rest.get("/tables/five"), 404, "TABLE_NOT_FOUND");
  });

  test("a dropped table is gone for every front-end, and its name is free and empty", async () => {
    const body = { name: "fleeting", splitKeys: ["m"], families: { log: { maxVersions: null } } };
    const row = "/tables/fleeting/rows/k";
    for (let round = 0; round < 3; round++) {
      const created = await rest.post("/tables", body);
      expect(created.status, created.text).toBe(201);
      for (const each of [rest, other]) {
        expectProblem(await each.get(row), 404, "ROW_NOT_FOUND");
        expect((await each.get("/tables/fleeting/rows")).json()).toEqual({ rows: [] });
      }
      await rest.put(row, { columns: { "log:x": `round ${round}` } });
      const read = await other.get(`${row}?view=cells&versions=all`);
      expect(read.json<{ cells: Record<string, unknown[]> }>().cells["log:x"]).toHaveLength(1);
      expect((await rest.delete("/tables/fleeting")).status).toBe(204);
      for (const each of [rest, other]) {
        expectProblem(await each.get("/tables/fleeting"), 404, "TABLE_NOT_FOUND");
        expectProblem(await each.get(row), 404, "TABLE_NOT_FOUND");
        expectProblem(await each.put(row, { columns: { "log:x": "x" } }), 404, "TABLE_NOT_FOUND");
      }
    }
    expectProblem(await rest.delete("/tables/fleeting"), 404, "TABLE_NOT_FOUND");
  });

  test("a protected table is not dropped", async () => {
    const created = await rest.post("/tables", { name: "safe", deletionProtection: true });
    expect(created.json()).toMatchObject({ deletionProtection: true });
    expectProblem(await rest.delete("/tables/safe"), 409, "DELETION_PROTECTED");
    expect((await rest.get("/tables/safe")).status).toBe(200);
  });

  test("an Idempotency-Key makes a repeated create the same create", async () => {
    const headers = { "idempotency-key": "make-once" };
    const first = await rest.post("/tables", { name: "once" }, { headers });
    const again = await other.post("/tables", { name: "once" }, { headers });
    expect([again.status, again.json()]).toEqual([201, first.json()]);
    const changed = await rest.post("/tables", { name: "once", replicas: 1 }, { headers });
    expectProblem(changed, 422, "IDEMPOTENCY_MISMATCH");
  });

  test("what is not built yet does not exist", async () => {
    for (const path of ["plain:split", "plain:merge", "plain:dropRows", "plain:sampleKeys"]) {
      const method = path.endsWith("Keys") ? "GET" : "POST";
      const call = method === "POST" ? { body: {} } : {};
      expect((await rest.send(method, `/tables/${path}`, call)).status, path).toBe(404);
    }
  });
});

describe("the cluster", () => {
  test("the status of a whole cluster is green without reasons", async () => {
    const status = await cluster.waitFor(
      async () => {
        const reply = (await rest.get("/status")).json<{ status: string }>();
        return reply.status === "green" && reply;
      },
      { what: "the cluster is green", withinMs: 10_000 },
    );
    expect(status).toEqual({ status: "green", reasons: [] });
  });

  test("servers and masters are those that run", async () => {
    const { servers } = (await rest.get("/servers")).json<{ servers: { id: string }[] }>();
    expect(servers.map(({ id }) => id).toSorted()).toEqual(["ts1", "ts2", "ts3"]);
    for (const server of servers) {
      expect(server).toMatchObject({
        serverId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        url: cluster.process(server.id).url,
        state: "live",
      });
    }
    const { masters } = (await rest.get("/masters")).json<{
      masters: { id: string; role: string }[];
    }>();
    expect(masters.map(({ id }) => id).toSorted()).toEqual(["m1", "m2", "m3"]);
    expect(masters.map(({ role }) => role).toSorted()).toEqual(["follower", "follower", "leader"]);
  });

  test("tablets are listed, shown and verified by id", async () => {
    const [known] = await tabletsOf(rest, "prompt");
    const { tablets } = (await rest.get("/tablets?limit=1000")).json<{
      tablets: { id: string }[];
    }>();
    expect(tablets.map(({ id }) => id)).toContain(known?.id);
    const shown = await rest.get(`/tablets/${known?.id}`);
    expect(shown.json(), shown.text).toMatchObject({ id: known?.id, table: "prompt", end: "g" });
    const verified = await rest.post(`/tablets/${known?.id}:verify`);
    expect(verified.json(), verified.text).toMatchObject({
      index: expect.any(Number),
      equal: true,
      replicas: [{ rows: 1 }, { rows: 1 }, { rows: 1 }],
    });
    for (const [method, path] of [
      ["GET", "/tablets/999999999"],
      ["POST", "/tablets/999999999:verify"],
    ] as const) {
      expectProblem(await rest.send(method, path), 404, "TABLET_NOT_FOUND");
    }
  });

  test("every process tells its version, health, readiness and metrics", async () => {
    for (const { id, url } of cluster.processes) {
      await using process = new Rest(url);
      const version = await process.get("/version");
      expect([version.status, typeof version.json()], `${id} version`).toEqual([200, "object"]);
      for (const path of ["//healthz", "//readyz"]) {
        expect((await process.get(path)).status, `${id} ${path}`).toBe(200);
      }
      const metrics = await process.get("//metrics");
      expect(metrics.headers["content-type"], id).toMatch(/^text\/plain/);
      expect(metrics.text, id).toMatch(/^# TYPE stele_\w+ (counter|gauge|histogram)$/m);
      expect(metrics.text, id).not.toMatch(/tablet="/);
    }
  });
});

describe("the documents", () => {
  test("limits are those of the contract", async () => {
    const limits = await rest.get("/limits");
    expect(limits.status).toBe(200);
    const text = JSON.stringify(limits.json());
    const kib = 1024;
    for (const bytes of [4 * kib, 16 * kib, 64 * kib, 10 * kib * kib, 12 * kib * kib]) {
      expect(text).toContain(String(bytes));
    }
    expect(text).toContain("10000");
  });

  test("the OpenAPI document describes the paths that are served, and no others", async () => {
    const document = (await rest.get("/openapi.json")).json<{
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    }>();
    expect(document.openapi).toMatch(/^3\.1/);
    const paths = Object.keys(document.paths).map((path) => path.replace(/^\/v1/, ""));
    const generic = paths.map((path) => path.replaceAll(/\{[^}]+\}/g, "{}"));
    expect(generic).toEqual(
      expect.arrayContaining([
        "/tables",
        "/tables/{}",
        "/tables/{}/tablets",
        "/tables/{}/rows",
        "/tables/{}/rows/{}",
        "/tables/{}/rows/{}/cells/{}",
        "/tables/{}/rows:scan",
        "/tables/{}/rows:get",
        "/tables/{}/rows:count",
        "/tables/{}/rows:batch",
        "/status",
        "/servers",
        "/masters",
        "/tablets",
        "/limits",
      ]),
    );
    expect(generic.filter((path) => /:(split|merge|dropRows|sampleKeys)$/.test(path))).toEqual([]);
    for (const [path, item] of Object.entries(document.paths)) {
      const address = path.replace(/^\/v1/, "").replaceAll(/\{[^}]+\}/g, "x");
      const reply = await rest.send("TRACE", address);
      expect([404, 405], `${path} ${reply.text}`).toContain(reply.status);
      if (reply.status !== 405) continue;
      const allowed = (reply.headers["allow"] ?? "").toLowerCase().split(/, */);
      const methods = Object.keys(item).filter((name) =>
        /^(get|put|post|patch|delete)$/.test(name),
      );
      expect(allowed.filter((name) => name !== "head").toSorted(), path).toEqual(
        methods.toSorted(),
      );
    }
  });
});
