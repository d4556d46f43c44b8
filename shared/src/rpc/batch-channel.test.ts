import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { encodeAnswers, encodeBatchRequest, PART_BYTES } from "./batch-frames.ts";
import { BatchResponder } from "./batch-responder.ts";
import type { IncomingCall } from "./channel-contract.ts";
import { exchangeListener } from "./exchange-listener.adapter.ts";
import {
  channelTo,
  cleanups,
  cleanUp,
  echo,
  failureOf,
  inMs,
  listen,
  responding,
  stop,
  until,
} from "./testing/channel-harness.adapter.ts";

afterEach(cleanUp);

describe("a batch channel", () => {
  test("answers every call with its own reply, large and small", async () => {
    const channel = channelTo(await listen(createServer(responding(echo))));
    const payloads = [0, 1, 1000, 100_000, 3_000_000, 16 * 2 ** 20].map((size, at) =>
      Buffer.alloc(size, 65 + at),
    );
    const replies = await Promise.all(payloads.map((p) => channel.call(p, inMs(8_000))));
    replies.forEach((reply, at) => {
      expect(reply.equals(Buffer.concat([Buffer.from("re: "), payloads[at] as Buffer]))).toBe(true);
    });
  });

  test("sends the calls of one turn together and the rest when a slot frees", async () => {
    const batches: number[] = [];
    const server = createServer(
      responding((calls) => {
        batches.push(calls.length);
        echo(calls);
      }),
    );
    const channel = channelTo(await listen(server), { slots: 1 });
    const first = Array.from({ length: 5 }, () => channel.call(Buffer.alloc(1), inMs(5_000)));
    await new Promise((resolve) => setImmediate(resolve));
    const second = Array.from({ length: 7 }, () => channel.call(Buffer.alloc(1), inMs(5_000)));
    await Promise.all([...first, ...second]);
    expect(batches).toEqual([5, 7]);
  });

  test("a slow call delays no other call of its request, nor later requests", async () => {
    const held: IncomingCall[] = [];
    const server = createServer(
      responding((calls) => {
        for (const call of calls) {
          if (call.payload.toString() === "slow") held.push(call);
          else call.reply(call.payload);
        }
      }),
    );
    const channel = channelTo(await listen(server), { slots: 1 });
    const slow = channel.call(Buffer.from("slow"), inMs(5_000));
    await channel.call(Buffer.from("same request"), inMs(5_000));
    for (let later = 0; later < 5; later++) await channel.call(Buffer.from("x"), inMs(5_000));
    held[0]?.reply(Buffer.from("at last"));
    expect((await slow).toString()).toBe("at last");
  });

  test("many stuck calls neither use up connections nor stop healthy calls", async () => {
    const held: IncomingCall[] = [];
    const server = createServer(
      responding((calls) => {
        for (const call of calls) {
          if (call.payload.toString().startsWith("stuck")) held.push(call);
          else call.reply(call.payload);
        }
      }),
    );
    const channel = channelTo(await listen(server));
    const stuck: Promise<Buffer>[] = [];
    for (let round = 0; round < 100; round++) {
      stuck.push(channel.call(Buffer.from(`stuck ${round}`), inMs(8_000)));
      await channel.call(Buffer.from("healthy"), inMs(1_000));
    }
    const connections = await new Promise((resolve) =>
      server.getConnections((_error, count) => resolve(count)),
    );
    expect(connections).toBeLessThanOrEqual(16);
    for (const call of held.toReversed()) call.reply(call.payload);
    const replies = (await Promise.all(stuck)).map(String);
    expect(replies).toEqual(Array.from({ length: 100 }, (_, round) => `stuck ${round}`));
  });

  test("a call without an answer fails at its deadline, and may have been sent", async () => {
    let calls = 0;
    const server = createServer(responding((batch) => void (calls += batch.length)));
    const channel = channelTo(await listen(server));
    const startMs = systemClock.monotonicMs();
    const failure = await failureOf(channel.call(Buffer.from("x"), inMs(50)));
    expect(failure).toMatchObject({ reason: "deadline", sent: "maybe" });
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(50);
    expect(calls).toBe(1);
  });

  test("a deadline in the past fails the call before it is sent", async () => {
    const channel = channelTo(1);
    const failure = await failureOf(channel.call(Buffer.alloc(1), inMs(-1)));
    expect(failure).toMatchObject({ reason: "deadline", sent: "no" });
  });

  test("the server sees the deadline on its own clock", async () => {
    let remainingMs = 0;
    const server = createServer(
      responding((calls) => {
        remainingMs = (calls[0]?.deadlineMs ?? 0) - systemClock.monotonicMs();
        echo(calls);
      }),
    );
    const channel = channelTo(await listen(server));
    await channel.call(Buffer.alloc(1), inMs(5_000));
    expect(remainingMs).toBeGreaterThan(3_000);
    expect(remainingMs).toBeLessThanOrEqual(5_001);
  });

  test("calls past the limits fail at once as overloaded, unsent", async () => {
    const server = createServer(responding(() => {}));
    const port = await listen(server);
    const byCalls = channelTo(port, { openCalls: 3 });
    const open = [1, 2, 3].map(() => failureOf(byCalls.call(Buffer.alloc(1), inMs(200))));
    expect(await failureOf(byCalls.call(Buffer.alloc(1), inMs(200)))).toMatchObject({
      reason: "overloaded",
      sent: "no",
    });
    await Promise.all(open);
    const byBytes = channelTo(port, { queuedBytes: 100 });
    const queued = failureOf(byBytes.call(Buffer.alloc(90), inMs(200)));
    const refused = failureOf(byBytes.call(Buffer.alloc(11), inMs(200)));
    expect(await refused).toMatchObject({ reason: "overloaded", sent: "no" });
    expect(byBytes.load.calls).toBe(1);
    await queued;
    expect([byCalls.load, byBytes.load]).toEqual(Array(2).fill({ calls: 0, bytes: 0 }));
    const oversized = channelTo(port).call(Buffer.alloc(18 * 2 ** 20), inMs(200));
    expect(await failureOf(oversized)).toMatchObject({ reason: "rejected", sent: "no" });
  });

  test("a server that is not there refuses, with nothing sent", async () => {
    const server = createServer();
    const port = await listen(server);
    await stop(server);
    const failure = await failureOf(channelTo(port).call(Buffer.alloc(1), inMs(2_000)));
    expect(failure).toMatchObject({ reason: "refused", sent: "no" });
  });

  test("a server killed in mid-reply breaks the open calls only", async () => {
    let sockets: (() => void)[] = [];
    const server = createServer((request, response) => {
      sockets.push(() => request.socket.destroy());
      responding((calls) => {
        for (const call of calls) if (call.payload.toString() === "quick") call.reply(call.payload);
      })(request, response);
    });
    const channel = channelTo(await listen(server));
    const quick = channel.call(Buffer.from("quick"), inMs(5_000));
    const slow = failureOf(channel.call(Buffer.from("slow"), inMs(5_000)));
    expect((await quick).toString()).toBe("quick");
    for (const kill of sockets) kill();
    sockets = [];
    expect(await slow).toMatchObject({ reason: "broken", sent: "maybe" });
    expect((await channel.call(Buffer.from("quick"), inMs(5_000))).toString()).toBe("quick");
  });

  test("a damaged reply breaks its calls; the frames before it count", async () => {
    const server = createServer((request, response) => {
      request.resume().on("end", () => {
        const frames = encodeAnswers([
          { callId: 1, parts: [Buffer.from("whole")] },
          { callId: 2, parts: [Buffer.from("damaged")] },
        ]);
        const bytes = Buffer.concat(frames);
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        response.end(bytes);
      });
    });
    const channel = channelTo(await listen(server));
    const whole = channel.call(Buffer.alloc(1), inMs(5_000));
    const damaged = failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    expect((await whole).toString()).toBe("whole");
    expect(await damaged).toMatchObject({ reason: "broken", sent: "maybe" });
  });

  test("a reply that ends early breaks the calls that it left out", async () => {
    const server = createServer((request, response) => {
      request.resume().on("end", () => response.end());
    });
    const channel = channelTo(await listen(server));
    const failure = await failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    expect(failure).toMatchObject({ reason: "broken", sent: "maybe" });
    expect(failure.message).toContain("before every call was answered");
  });

  test("a damaged request is refused whole: no call of it is handed over", async () => {
    let handed = 0;
    const listener = responding((calls) => void (handed += calls.length));
    const port = await listen(createServer(listener));
    const response = await fetch(`http://127.0.0.1:${port}/internal/batch`, {
      method: "POST",
      headers: { "x-stele-cluster": "test" },
      body: Buffer.alloc(100, 1),
    });
    expect(response.status).toBe(400);
    expect(handed).toBe(0);
  });

  test("a server of another cluster refuses the calls, with nothing handed over", async () => {
    const other = { token: null, clusterId: () => "another" };
    const handler = new BatchResponder({ clock: systemClock, handler: { handle: echo } }).accept;
    const listener = exchangeListener({ identity: other, maxBodyBytes: 1000, handler });
    const channel = channelTo(await listen(createServer(listener)));
    const failure = await failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    expect(failure).toMatchObject({ reason: "rejected", sent: "no" });
  });

  test("a peer that takes the request and never answers is taken for dead", async () => {
    const silent = createTcpServer((socket) => {
      socket.on("error", () => {});
      cleanups.push(() => void socket.destroy());
    });
    const channel = channelTo(await listen(silent), { slots: 1, headersTimeoutMs: 100 });
    const first = failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    await new Promise((resolve) => setImmediate(resolve));
    const queued = failureOf(channel.call(Buffer.alloc(1), inMs(50)));
    expect(await queued).toMatchObject({ reason: "deadline", sent: "no" });
    expect(await first).toMatchObject({ reason: "broken", sent: "maybe" });
  });

  test("calls that expired unsent make room for others", async () => {
    const silent = createTcpServer((socket) => {
      socket.on("error", () => {});
      cleanups.push(() => void socket.destroy());
    });
    const channel = channelTo(await listen(silent), { slots: 1, openCalls: 3 });
    const first = failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    await new Promise((resolve) => setImmediate(resolve));
    for (let round = 0; round < 4; round++) {
      const expiring = [1, 2].map(() => failureOf(channel.call(Buffer.alloc(1), inMs(15))));
      for (const failure of await Promise.all(expiring)) expect(failure.reason).toBe("deadline");
    }
    channel.close();
    await first;
  });

  test("a server restarted between calls costs no call", async () => {
    let server = createServer(responding(echo));
    const port = await listen(server);
    const channel = channelTo(port);
    for (let restart = 0; restart < 10; restart++) {
      const calls = [1, 2, 3].map(() => channel.call(Buffer.from("x"), inMs(5_000)));
      await Promise.all(calls);
      await stop(server);
      server = createServer(responding(echo));
      await listen(server, port);
    }
  });

  test("closing settles every call", async () => {
    const held: IncomingCall[] = [];
    const server = createServer(responding((calls) => void held.push(...calls)));
    const channel = channelTo(await listen(server), { slots: 1 });
    const sent = failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    await until(() => held.length === 1);
    const unsent = failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    channel.close();
    expect(await sent).toMatchObject({ reason: "closed", sent: "maybe" });
    expect(await unsent).toMatchObject({ reason: "closed", sent: "no" });
    expect(await failureOf(channel.call(Buffer.alloc(1), inMs(5_000)))).toMatchObject({
      reason: "closed",
      sent: "no",
    });
  });

  test("an answer after the client left goes nowhere", async () => {
    const held: IncomingCall[] = [];
    let left = false;
    const listener = responding((calls) => void held.push(...calls));
    const server = createServer((request, response) => {
      response.on("close", () => (left = true));
      listener(request, response);
    });
    const channel = channelTo(await listen(server));
    const gone = failureOf(channel.call(Buffer.alloc(1), inMs(5_000)));
    await until(() => held.length === 1);
    channel.close();
    await gone;
    await until(() => left);
    held[0]?.reply(Buffer.alloc(1));
    expect(() => held[0]?.reply(Buffer.alloc(1))).toThrow("answered once");
  });

  test("a client that reads nothing of its replies is cut off, not buffered for", async () => {
    const answer = Buffer.alloc(PART_BYTES);
    let gone = false;
    const server = createServer((request, response) => {
      response.on("close", () => (gone = true));
      responding((calls) => {
        for (const call of calls) call.reply(answer);
      })(request, response);
    });
    const port = await listen(server);
    const call = { callId: 1, remainingMs: 5_000, payload: Buffer.alloc(1) };
    const calls = Array.from({ length: 400 }, (_, at) => ({ ...call, callId: at }));
    const body = encodeBatchRequest({ channelId: "deaf", requestNumber: 1, calls });
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    cleanups.push(() => void socket.destroy());
    socket.pause();
    const head = "POST /internal/batch HTTP/1.1\r\nhost: x\r\nx-stele-cluster: test\r\n";
    socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
    socket.write(body);
    await until(() => gone);
  });
});
