/**
 * Small calls through one batch channel between two processes over loopback:
 *
 *   node shared/src/rpc/batch-channel.bench.ts [seconds] [slots] [delayMs]
 *
 * With a delay the server answers each call after 1 to `delayMs` milliseconds, drawn for each call.
 */
import { fork } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../clock.ts";
import { BATCH_PATH, BatchChannel } from "./batch-channel.ts";
import { BatchResponder } from "./batch-responder.ts";
import type { IncomingCall } from "./channel-contract.ts";
import { exchangeListener } from "./exchange-listener.adapter.ts";
import { HttpExchange } from "./http-exchange.adapter.ts";

const identity = { token: null, clusterId: () => "bench" };
const REQUEST = Buffer.alloc(100, 1);
const REPLY = Buffer.alloc(100, 2);

const answer = (calls: readonly IncomingCall[]): void => {
  for (const call of calls) call.reply(REPLY);
};

/** One timer for all calls of a request that wait equally long. */
function answerLater(calls: readonly IncomingCall[], delayMs: number): void {
  const groups = Map.groupBy(calls, () => 1 + Math.floor(Math.random() * delayMs));
  for (const [waitMs, group] of groups) setTimeout(() => answer(group), waitMs);
}

function serve(delayMs: number): void {
  const responder = new BatchResponder({
    clock: systemClock,
    handler: {
      handle: (calls) => (delayMs > 0 ? answerLater(calls, delayMs) : answer(calls)),
    },
  });
  const listener = exchangeListener({
    identity,
    maxBodyBytes: 17 * 1024 * 1024,
    handler: responder.accept,
  });
  const server = createServer(listener);
  server.listen(0, "127.0.0.1", () => {
    process.send?.((server.address() as AddressInfo).port);
  });
  process.on("message", () => {
    process.send?.(process.cpuUsage());
  });
}

async function measure(seconds: number, slots: number, delayMs: number): Promise<void> {
  const server = fork(import.meta.filename, ["serve", String(delayMs)]);
  const fromServer = <T>(): Promise<T> =>
    new Promise((resolve) => server.once("message", (message) => resolve(message as T)));
  const url = `http://127.0.0.1:${await fromServer<number>()}`;
  const exchange = new HttpExchange(identity);
  let requests = 0;
  const counted: typeof exchange.post = (request, events) => {
    requests++;
    return exchange.post(request, events);
  };
  const channel = new BatchChannel({
    clock: systemClock,
    exchange: { post: counted },
    url,
    channelId: "bench",
    limits: { slots },
  });
  for (const callers of [1, 8, 64, 64, 256]) {
    const cpu = process.cpuUsage();
    server.send("cpu");
    const before = await fromServer<NodeJS.CpuUsage>();
    const startMs = performance.now();
    const endMs = startMs + seconds * 1000;
    requests = 0;
    let calls = 0;
    const caller = async (): Promise<void> => {
      while (performance.now() < endMs) {
        await channel.call(REQUEST, systemClock.monotonicMs() + 10_000);
        calls++;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const tookMs = performance.now() - startMs;
    server.send("cpu");
    const after = await fromServer<NodeJS.CpuUsage>();
    const own = process.cpuUsage(cpu);
    const us = (usage: NodeJS.CpuUsage): number => usage.user + usage.system;
    process.stdout.write(
      `${BATCH_PATH} ${callers} callers, ${slots} slots, delay ${delayMs} ms: ` +
        `${Math.round((calls / tookMs) * 1000)} calls/s, ` +
        `${(calls / requests).toFixed(1)} a request, ` +
        `mean ${((callers * tookMs) / calls).toFixed(3)} ms, ` +
        `CPU a call ${(us(own) / calls).toFixed(1)} us client, ` +
        `${((us(after) - us(before)) / calls).toFixed(1)} us server\n`,
    );
  }
  channel.close();
  await exchange.close();
  server.kill();
}

const [first = "3", second = "3", third = "0"] = process.argv.slice(2);
if (first === "serve") serve(Number(second));
else await measure(Number(first), Number(second), Number(third));
