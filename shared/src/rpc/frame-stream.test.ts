import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { DatabaseError } from "../errors.ts";
import { FrameStreamClient, registerStreamRoute } from "./frame-stream.adapter.ts";
import type { StreamHandler } from "./frame-stream.ts";
import { HttpServer } from "./http-server.adapter.ts";

const identity = { token: "secret", clusterId: () => "c" };
const PATH = "/internal/snapshot";
const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(handler: StreamHandler, idleMs?: number): Promise<string> {
  const environment = { clock: systemClock, unexpected: () => {} };
  const server = new HttpServer({
    ...environment,
    identity,
    role: "tablet-server",
    version: "1",
    unreadyReason: () => null,
    metrics: () => "",
    listeners: new Map(),
  });
  registerStreamRoute(server.app, PATH, handler, environment, idleMs);
  cleanups.push(() => server.close(0));
  return `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
}

function client(): FrameStreamClient {
  const streams = new FrameStreamClient(systemClock, identity);
  cleanups.push(() => streams.close());
  return streams;
}

async function* framesOf(count: number, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < count; at++) yield Buffer.alloc(size, at);
}

const never = new Promise<void>(() => {});

const countFrames: StreamHandler = async (frames) => {
  let count = 0;
  let bytes = 0;
  for await (const frame of frames) {
    count++;
    bytes += frame.length;
  }
  return Buffer.from(JSON.stringify({ count, bytes }));
};

describe("a stream of frames", () => {
  test("arrives whole, in order, and is answered once at the end", async () => {
    const starts: number[] = [];
    const url = await serve(async (frames) => {
      for await (const frame of frames) starts.push(frame[0] ?? -1);
      return Buffer.from("done");
    });
    const answer = await client().sendStream(url, PATH, framesOf(50, 100_000), { answerMs: 5_000 });
    expect(answer.toString()).toBe("done");
    expect(starts).toEqual(Array.from({ length: 50 }, (_, at) => at));
  });

  test("an empty stream is a stream", async () => {
    const url = await serve(countFrames);
    const answer = await client().sendStream(url, PATH, framesOf(0, 0), { answerMs: 5_000 });
    expect(answer.toString()).toBe('{"count":0,"bytes":0}');
  });

  test("a receiver that takes nothing holds the sender back", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const url = await serve(async (frames, call) => {
      await released;
      return countFrames(frames, call);
    });
    let produced = 0;
    const many = async function* (): AsyncGenerator<Buffer, void, void> {
      for (; produced < 400; produced++) yield Buffer.alloc(256 * 1024);
    };
    const sent = client().sendStream(url, PATH, many(), { answerMs: 5_000 });
    let seen = -1;
    await expect
      .poll(() => seen === (seen = produced) && produced > 0, { interval: 100 })
      .toBe(true);
    expect(produced).toBeLessThan(200);
    release();
    expect((await sent).toString()).toBe(`{"count":400,"bytes":${400 * 256 * 1024}}`);
  });

  test("a receiver may refuse early, and the sender hears why", async () => {
    const url = await serve(async () => {
      throw new DatabaseError({ code: "OPERATION_CONFLICT", detail: "not needed" });
    });
    let produced = 0;
    let closed = false;
    const endless = async function* (): AsyncGenerator<Buffer, void, void> {
      try {
        for (; ; produced++) yield Buffer.alloc(64 * 1024);
      } finally {
        closed = true;
      }
    };
    const sent = client().sendStream(url, PATH, endless(), { answerMs: 5_000 });
    await expect(sent).rejects.toMatchObject({ code: "OPERATION_CONFLICT" });
    await expect.poll(() => closed).toBe(true);
  });

  test("an error of the source is the sender's, and the receiver sees a cut stream", async () => {
    const outcomes: string[] = [];
    const url = await serve((frames, call) =>
      countFrames(frames, call).catch((error: unknown) => {
        outcomes.push("cut");
        throw error;
      }),
    );
    const failing = async function* (): AsyncGenerator<Buffer, void, void> {
      yield Buffer.alloc(10);
      throw new RangeError("disk");
    };
    const sent = client().sendStream(url, PATH, failing(), { answerMs: 5_000 });
    await expect(sent).rejects.toThrow(RangeError);
    await expect.poll(() => outcomes).toEqual(["cut"]);
  });

  test("a source that stands still is given up by either end", async () => {
    const outcomes: string[] = [];
    const url = await serve(
      (frames, call) => countFrames(frames, call).finally(() => outcomes.push("cut")),
      60,
    );
    const stuck = async function* (): AsyncGenerator<Buffer, void, void> {
      yield Buffer.alloc(10);
      await never;
    };
    const bySender = client().sendStream(url, PATH, stuck(), { idleMs: 30, answerMs: 5_000 });
    await expect(bySender).rejects.toMatchObject({ reason: "broken", sent: "maybe" });
    const byReceiver = client().sendStream(url, PATH, stuck(), { answerMs: 5_000 });
    await expect(byReceiver).rejects.toMatchObject({ reason: "broken", sent: "maybe" });
    await expect.poll(() => outcomes).toEqual(["cut", "cut"]);
  });

  test("an answer that does not come in time is unknown, not awaited", async () => {
    const url = await serve(async (frames, call) => {
      await countFrames(frames, call);
      await never;
      return Buffer.alloc(0);
    });
    const sent = client().sendStream(url, PATH, framesOf(1, 1), { answerMs: 50 });
    await expect(sent).rejects.toMatchObject({ reason: "broken", sent: "maybe" });
  });

  test("giving up aborts the receiver", async () => {
    let started = false;
    let aborted = false;
    const url = await serve(async (_frames, { signal }) => {
      started = true;
      signal.addEventListener("abort", () => (aborted = true));
      await never;
      return Buffer.alloc(0);
    });
    const aborter = new AbortController();
    const options = { answerMs: 5_000, signal: aborter.signal };
    const sent = client().sendStream(url, PATH, framesOf(1, 1), options);
    const settled = expect(sent).rejects.toMatchObject({ reason: "closed" });
    await expect.poll(() => started).toBe(true);
    aborter.abort();
    await settled;
    await expect.poll(() => aborted).toBe(true);
  });

  test("a stream of damaged frames is refused", async () => {
    const url = await serve(countFrames);
    const response = await fetch(url + PATH, {
      method: "POST",
      headers: {
        "content-type": "application/x-stele-frames",
        "x-stele-cluster": "c",
        "x-stele-cluster-token": "secret",
      },
      body: Buffer.alloc(100, 1),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "INVALID_REQUEST" });
  });

  test("a process that is not there refuses", async () => {
    const sent = client().sendStream("http://127.0.0.1:1", PATH, framesOf(1, 1), { answerMs: 100 });
    await expect(sent).rejects.toMatchObject({ reason: "refused", sent: "no" });
  });
});
