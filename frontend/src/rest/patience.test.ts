// What the edge does as time passes: on a simulated clock, over real sockets.
import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { RestHarness, answerOfText } from "./testing/rest-harness.adapter.ts";

const path = "/v1/tables/t/rows";
let clock: SimulatedClock;
let rest: RestHarness;
beforeEach(async () => {
  clock = new SimulatedClock(new SeededRandom(1), nextMacrotask);
  rest = await RestHarness.start({}, clock);
});
afterEach(() => rest.stop());

const loadHead = `POST ${path}:batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n`;
const line = (key: string) => `${JSON.stringify({ put: { key, columns: { "d:a": "1" } } })}\n`;

test("a load says each second how many lines are decided", async () => {
  const releases: (() => void)[] = [];
  rest.operations.before = (call) =>
    call === "writeMany" ? new Promise((resolve) => releases.push(resolve)) : Promise.resolve();
  const body = `${line("a")}\n${line("b")}`;
  const answer = rest.raw(`${loadHead}Content-Length: ${body.length}\r\n\r\n${body}`);
  await expect.poll(() => releases.length).toBe(1);
  await clock.runFor(2000);
  releases[0]?.();
  const received = await answer;
  expect(received.match(/"lines":\d+/g)).toEqual(['"lines":0', '"lines":0']);
  expect(received).toContain('{"end":{"ok":2,"failed":0}}');
});

test("a load that is cut leaves what was decided, and the server serves on", async () => {
  const socket = connect(rest.port, "127.0.0.1");
  socket.write(`${loadHead}Content-Length: 100000\r\n\r\n${line("cut1")}${line("cut2")}{"pu`);
  await expect.poll(() => rest.operations.sentWrites.flat()).toEqual(["cut1", "cut2"]);
  socket.destroy();
  await once(socket, "close");
  await expect.poll(async () => (await rest.call("GET", `${path}/cut2`)).status).toBe(200);
  expect(rest.log.filter(({ level }) => level === "error")).toEqual([]);
});

test("a load whose client falls silent ends with REQUEST_TIMEOUT", async () => {
  const request = `${loadHead}Content-Length: 100000\r\n\r\n${line("s1")}`;
  const answer = rest.raw(request, "requestId");
  await expect.poll(() => rest.operations.sentWrites.length).toBe(1);
  await clock.runFor(301_000);
  expect(await answer).toContain("REQUEST_TIMEOUT");
});

test("a client that takes nothing of a stream for five minutes is cut off", async () => {
  const value = Buffer.alloc(10 * 1024 * 1024, "v");
  for (const key of ["a", "b", "c"]) await rest.call("PUT", `${path}/${key}/cells/d:a`, value);
  const socket = connect(rest.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n`);
  await once(socket, "readable");
  const connections = () =>
    new Promise<number>((resolve) => {
      rest.server.server.getConnections((_error, count) => resolve(count));
    });
  const before = await connections();
  await clock.runFor(100_000);
  await nextMacrotask();
  expect(await connections()).toBe(before);
  await expect
    .poll(async () => {
      await clock.runFor(100_000);
      return connections();
    })
    .toBeLessThan(before);
  socket.destroy();
});

test("a call carries its deadline: 10 s for rows, 60 s for tables, or what timeout says", async () => {
  const deadlines: number[] = [];
  rest.operations.before = async (_call, { deadlineMs }) => {
    deadlines.push(deadlineMs - clock.monotonicMs());
  };
  await rest.call("GET", `${path}/x`);
  await rest.call("GET", `${path}/x?timeout=1500ms`);
  await rest.call("DELETE", `${path}/x?timeout=1h`);
  await rest.call("GET", path);
  await rest.call("POST", `${path}:batch?timeout=2m`, { ops: [{ delete: { key: "x" } }] });
  await rest.call("GET", path, undefined, { accept: "application/x-ndjson" });
  expect(deadlines).toEqual([10_000, 1500, 3_600_000, 10_000, 10_000, 120_000, 10_000, 10_000]);
});

test("a count gives what it has at its deadline, and goes on from there", async () => {
  for (const key of ["a", "b", "x"]) await rest.call("PUT", `${path}/${key}/cells/d:a`, "1");
  let calls = 0;
  rest.operations.before = async (call) => {
    if (call !== "scan" || ++calls < 2) return;
    throw new DatabaseError({ code: "DEADLINE", detail: "late" });
  };
  const first = (await rest.call("POST", `${path}:count`, {})).json;
  rest.operations.before = () => Promise.resolve();
  expect(first.count).toBe(2);
  const { nextPageToken } = first;
  const rest_ = await rest.call("POST", `${path}:count`, { pageToken: nextPageToken });
  expect(rest_.json).toEqual({ count: 1 });
  rest.operations.before = () =>
    Promise.reject(new DatabaseError({ code: "DEADLINE", detail: "late" }));
  const nothing = await rest.call("POST", `${path}:count`, {});
  expect([nothing.status, nothing.code, nothing.json.retryable]).toEqual([504, "DEADLINE", true]);
});

test("an expectation other than 100-continue is refused", async () => {
  const ask = (expectation: string) =>
    rest.raw(
      `PUT ${path}/e/cells/d:a HTTP/1.1\r\nHost: localhost\r\nExpect: ${expectation}\r\n` +
        "Content-Length: 1\r\nConnection: close\r\n\r\nx",
    );
  const refused = answerOfText(await ask("magic"));
  expect([refused.status, refused.code]).toEqual([400, "INVALID_REQUEST"]);
  expect(await ask("100-continue")).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201/);
});
