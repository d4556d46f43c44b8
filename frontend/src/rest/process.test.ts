import { afterAll, beforeAll, expect, test } from "vitest";
import { RestHarness } from "./testing/rest-harness.adapter.ts";

let rest: RestHarness;
beforeAll(async () => {
  rest = await RestHarness.start({ heldBodyBytes: 1024 * 1024 });
});
afterAll(() => rest.stop());

const get = (path: string) => rest.call("GET", path);

test("a process says that it runs, whether it can serve, and what it is", async () => {
  expect((await get("/healthz")).json).toEqual({ status: "ok" });
  expect((await get("/v1/version")).json).toEqual({
    name: "stele",
    role: "frontend",
    version: "0.1.0",
    id: "frontend1",
  });
  expect((await get("/readyz")).status).toBe(200);
  rest.readiness = { kind: "not-ready", reason: "no master is known" };
  const draining = await get("/readyz");
  rest.readiness = { kind: "ready" };
  expect([draining.status, draining.json.detail]).toEqual([503, "no master is known"]);
  expect(draining.headers.get("retry-after")).toBe("1");
});

test("limits are published", async () => {
  expect((await get("/v1/limits")).json).toMatchObject({
    keyBytes: 4096,
    qualifierBytes: 16_384,
    valueBytes: 10_485_760,
    jsonBodyBytes: 12_582_912,
    operations: 10_000,
    pageRows: 10_000,
  });
});

test("the cluster shows status, servers, masters and tablets", async () => {
  expect((await get("/v1/status")).json).toEqual({ status: "green", reasons: [] });
  expect((await get("/v1/servers")).json).toEqual({ servers: [] });
  expect((await get("/v1/masters")).json).toEqual({ masters: [] });
  const first = (await get("/v1/tablets?limit=1")).json;
  expect(first.tablets).toMatchObject([{ id: "100", table: "t", start: null, end: "m" }]);
  const second = (await get(`/v1/tablets?pageToken=${String(first.nextPageToken)}`)).json;
  expect(second.tablets).toMatchObject([{ id: "101", start: "m", end: null }]);
  expect((await get("/v1/tablets/101")).json).toMatchObject({ id: "101", leader: "ts1" });
  const verified = await rest.call("POST", "/v1/tablets/101:verify", {});
  expect(verified.json).toMatchObject({ equal: true, replicas: [{ server: "ts1" }] });
  expect((await rest.call("POST", "/v1/tablets/101:verify", { deep: true })).status).toBe(400);
});

test("requests are counted by call and status, with their durations", async () => {
  await get("/v1/tables/t/rows/nobody");
  await get("/v1/tables/t/rows/nobody");
  await get("/nothing");
  await rest.raw("GARBAGE\r\n\r\n");
  const { text, headers } = await get("/metrics");
  expect(headers.get("content-type")).toContain("text/plain; version=0.0.4");
  expect(text).toContain('stele_requests_total{op="row_get",code="404"} 2');
  expect(text).toContain('stele_requests_total{op="unmatched",code="404"} 1');
  expect(text).toContain('stele_requests_total{op="malformed",code="400"} 1');
  expect(text).toContain('stele_request_duration_seconds_count{op="row_get"} 2');
  expect(text).not.toContain("nobody");
});

test("large bodies beyond the budget of all are 429, and the budget is given back", async () => {
  const value = Buffer.alloc(800 * 1024, "v");
  const write = () => rest.call("PUT", "/v1/tables/t/rows/k/cells/d:a", value);
  const releases: (() => void)[] = [];
  rest.operations.before = () => new Promise((resolve) => releases.push(resolve));
  const first = write();
  await expect.poll(() => releases.length).toBe(1);
  const refused = await write();
  expect([refused.status, refused.code]).toEqual([429, "THROTTLED"]);
  expect(refused.json).toMatchObject({ retryable: true, applied: "no", retryAfterMs: 1000 });
  rest.operations.before = () => Promise.resolve();
  releases[0]?.();
  expect((await first).status).toBe(201);
  expect((await write()).status).toBe(200);
});
