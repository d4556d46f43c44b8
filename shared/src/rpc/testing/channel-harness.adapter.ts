/**
 * A batch channel and its serving end over real sockets, for tests. What the test opened is closed by
 * `cleanUp`.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Server as TcpServer } from "node:net";
import { systemClock } from "../../clock.ts";
import { BatchChannel } from "../batch-channel.ts";
import type { BatchChannelLimits } from "../batch-channel-limits.ts";
import { BatchResponder } from "../batch-responder.ts";
import type { ChannelFailure, IncomingCall } from "../channel-contract.ts";
import { exchangeListener } from "../exchange-listener.adapter.ts";
import { HttpExchange } from "../http-exchange.adapter.ts";

const identity = { token: null, clusterId: () => "test" };
export const cleanups: (() => Promise<unknown> | void)[] = [];

/** To be called after each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

export async function listen(server: Server | TcpServer, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  cleanups.push(() => stop(server));
  return (server.address() as AddressInfo).port;
}

export async function stop(server: Server | TcpServer): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  if ("closeAllConnections" in server) server.closeAllConnections();
  await closed;
}

/** A serving end whose calls the test answers itself, or by `onCalls`. */
export function responding(onCalls: (calls: readonly IncomingCall[]) => void): Listener {
  const responder = new BatchResponder({ clock: systemClock, handler: { handle: onCalls } });
  return exchangeListener({ identity, maxBodyBytes: 17 * 2 ** 20, handler: responder.accept });
}

let channels = 0;
export function channelTo(port: number, limits: Partial<BatchChannelLimits> = {}): BatchChannel {
  const exchange = new HttpExchange(identity);
  const channel = new BatchChannel({
    clock: systemClock,
    exchange,
    url: `http://127.0.0.1:${port}`,
    channelId: `channel-${channels++}`,
    limits,
  });
  cleanups.push(async () => {
    channel.close();
    await exchange.close();
  });
  return channel;
}

export const inMs = (ms: number): number => systemClock.monotonicMs() + ms;

export const failureOf = (call: Promise<Buffer>): Promise<ChannelFailure> =>
  call.then(
    () => Promise.reject(new Error("the call was answered")),
    (failure: ChannelFailure) => failure,
  );

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export const echo = (calls: readonly IncomingCall[]): void => {
  for (const call of calls) call.reply(Buffer.from("re: "), call.payload);
};
