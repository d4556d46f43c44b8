import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { must } from "../assert.ts";
import { systemClock } from "../clock.ts";
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "../ids.ts";
import type { RaftMessage } from "../raft/messages.ts";
import { encodeRaftRequest } from "./raft-frames.ts";
import type { RaftEnvelope, RaftInbox } from "./channel-contract.ts";
import { exchangeListener } from "./exchange-listener.adapter.ts";
import { HttpExchange } from "./http-exchange.adapter.ts";
import { HttpServer } from "./http-server.adapter.ts";
import { RaftReceiver } from "./raft-receiver.ts";
import { QueuedRaftTransport, RAFT_PATHS } from "./raft-transport.ts";
import type { RaftTransportLimits } from "./raft-transport.ts";
import { SeededRandom } from "../random.ts";
import { MemoryNetwork } from "./testing/memory-network.ts";
import { nextMacrotask } from "../testing/macrotask.adapter.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { timing } from "../timing.ts";

const identity = { token: "secret", clusterId: () => "cluster" };
const A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa" as ServerId;
const B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb" as ServerId;
const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

class RecordingInbox implements RaftInbox {
  readonly received: RaftEnvelope[] = [];
  readonly requests: number[] = [];
  readonly unreachables: string[] = [];

  receive(_from: ServerId, envelopes: readonly RaftEnvelope[]): void {
    this.received.push(...envelopes);
    this.requests.push(envelopes.length);
  }

  unreachable(server: ServerId, reason: "refused" | "broken"): void {
    this.unreachables.push(`${server === B ? "B" : "other"} ${reason}`);
  }
}

async function serve(inbox: RaftInbox, recipient: ServerId): Promise<[RaftReceiver, number]> {
  const receiver = new RaftReceiver({ inbox, clusterId: () => "cluster", recipient });
  const handler = receiver.accept;
  const listener = exchangeListener({ identity, maxBodyBytes: 17 * 2 ** 20, handler });
  const server = new HttpServer({
    clock: systemClock,
    identity,
    role: "tablet-server",
    version: "1",
    unreadyReason: () => null,
    metrics: () => "",
    listeners: new Map(Object.values(RAFT_PATHS).map((path) => [path, listener])),
    unexpected: () => {},
  });
  cleanups.push(() => server.close(0));
  return [receiver, await server.listen("127.0.0.1", 0)];
}

function transportTo(
  port: number | null,
  inbox: RaftInbox,
  limits: Partial<RaftTransportLimits> = {},
  clusterId = "cluster",
): QueuedRaftTransport {
  const exchange = new HttpExchange(identity);
  const transport = new QueuedRaftTransport({
    clock: systemClock,
    exchange,
    urls: { urlOf: () => (port === null ? null : `http://127.0.0.1:${port}`) },
    inbox,
    clusterId: () => clusterId,
    sender: A,
    limits,
  });
  cleanups.push(async () => {
    transport.close();
    await exchange.close();
  });
  return transport;
}

function heartbeat(round: number): RaftEnvelope {
  const addressed = { from: 1 as ReplicaId, to: 2 as ReplicaId, term: 3 as Term };
  const message: RaftMessage = { kind: "heartbeat", ...addressed, commit: 0 as LogIndex, round };
  return { tabletId: 9 as TabletId, message };
}

function append(size: number): RaftEnvelope {
  const addressed = { from: 1 as ReplicaId, to: 2 as ReplicaId, term: 3 as Term };
  const prev = { prevIndex: 0 as LogIndex, prevTerm: 0 as Term, commit: 0 as LogIndex };
  const payload = Buffer.alloc(size, 1);
  const entry = { index: 1 as LogIndex, term: 3 as Term, kind: "command" as const, payload };
  const message: RaftMessage = { kind: "append", ...addressed, ...prev, entries: [entry] };
  return { tabletId: 9 as TabletId, message };
}

const roundsOf = (envelopes: readonly RaftEnvelope[]): number[] =>
  envelopes.map(({ message }) => (message.kind === "heartbeat" ? message.round : -1));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("the Raft transport", () => {
  test("delivers messages in order, many to a request, one request at a time", async () => {
    const inbox = new RecordingInbox();
    const [, port] = await serve(inbox, B);
    const transport = transportTo(port, inbox);
    for (let round = 0; round < 500; round++) {
      transport.send(B, "vital", [heartbeat(round)]);
      if (round % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => inbox.received.length === 500);
    expect(roundsOf(inbox.received)).toEqual(Array.from({ length: 500 }, (_, round) => round));
    expect(inbox.requests.length).toBeLessThanOrEqual(6);
    expect(transport.counters).toMatchObject({ messagesSent: 500, messagesDropped: 0 });
  });

  test("a large append does not hold up heartbeats", async () => {
    const inbox = new RecordingInbox();
    const [, port] = await serve(inbox, B);
    const transport = transportTo(port, inbox);
    transport.send(B, "append", [append(16 * 2 ** 20)]);
    transport.send(B, "vital", [heartbeat(1)]);
    await until(() => inbox.received.length === 2);
    expect(inbox.received.map(({ message }) => message.kind)).toEqual(["heartbeat", "append"]);
  });

  test("past its limit a queue drops the oldest messages", async () => {
    const inbox = new RecordingInbox();
    const [, port] = await serve(inbox, B);
    const transport = transportTo(port, inbox, { queuedMessages: 3, queuedBytes: 1000 });
    transport.send(B, "vital", [1, 2, 3, 4, 5].map(heartbeat));
    transport.send(B, "append", [append(300), append(400), append(5000)]);
    await until(() => inbox.received.length === 4);
    expect(roundsOf(inbox.received).filter((round) => round > 0)).toEqual([3, 4, 5]);
    expect(transport.counters.messagesDropped).toBe(4);
  });

  test("a server that is not there, or has no address, is reported as refusing", async () => {
    const inbox = new RecordingInbox();
    const unused = createServer();
    await new Promise<void>((resolve) => unused.listen(0, "127.0.0.1", resolve));
    const { port } = unused.address() as AddressInfo;
    await new Promise((resolve) => unused.close(resolve));
    transportTo(port, inbox).send(B, "vital", [heartbeat(1)]);
    await until(() => inbox.unreachables.length === 1);
    transportTo(null, inbox).send(B, "append", [append(1)]);
    await until(() => inbox.unreachables.length === 2);
    expect(inbox.unreachables).toEqual(["B refused", "B refused"]);
  });

  test("a silent server is given up in time and the next messages go on", async () => {
    const inbox = new RecordingInbox();
    let connections = 0;
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      connections++;
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const { port } = silent.address() as AddressInfo;
    const transport = transportTo(port, inbox, { timeoutMs: { vital: 80, append: 80 } });
    transport.send(B, "vital", [heartbeat(1)]);
    await until(() => connections === 1);
    transport.send(B, "vital", [heartbeat(2)]);
    await until(() => connections === 2);
    expect(inbox.unreachables).toEqual(["B broken"]);
  });

  test("a connection that dies in silence holds heartbeats back for less than an election timeout", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const clock = new SimulatedClock(random, nextMacrotask);
      const network = new MemoryNetwork(random);
      const [from, to] = ["http://a", "http://b"].map((url) => network.host(url, clock.process()));
      const inbox = new RecordingInbox();
      const receiver = new RaftReceiver({ inbox, clusterId: () => "cluster", recipient: B });
      must(to, "b").serve(RAFT_PATHS.vital, receiver.accept);
      const sender = must(from, "a");
      const transport = new QueuedRaftTransport({
        clock: sender.clock,
        exchange: sender,
        urls: { urlOf: () => "http://b" },
        inbox: new RecordingInbox(),
        clusterId: () => "cluster",
        sender: A,
      });
      network.block("http://a", "http://b");
      transport.send(B, "vital", [heartbeat(1)]);
      await clock.runFor(1);
      network.unblockAll();
      const { electionMinTicks, tickMs } = timing();
      for (let tick = 1; tick < electionMinTicks; tick++) {
        transport.send(B, "vital", [heartbeat(2)]);
        await clock.runFor(tickMs);
      }
      expect(inbox.received.length, `seed ${seed}`).toBeGreaterThan(0);
      transport.close();
    }
  });

  test("messages for another server or cluster are refused and never delivered", async () => {
    const inbox = new RecordingInbox();
    const [receiver, port] = await serve(inbox, A);
    transportTo(port, inbox).send(B, "vital", [heartbeat(1)]);
    transportTo(port, inbox, {}, "another").send(A, "vital", [heartbeat(1)]);
    await until(() => inbox.unreachables.length === 2);
    expect(receiver.counters).toEqual({ messagesReceived: 0, malformed: 0, misdirected: 2 });
    expect(inbox.received).toEqual([]);
  });

  test.each([
    ["damaged", 400, { "x-stele-cluster": "cluster", "x-stele-cluster-token": "secret" }],
    ["without the token", 403, { "x-stele-cluster": "cluster" }],
    ["of another cluster", 403, { "x-stele-cluster": "x", "x-stele-cluster-token": "secret" }],
  ])("a request %s is answered with %d", async (_, status, headers) => {
    const inbox = new RecordingInbox();
    const [receiver, port] = await serve(inbox, B);
    const opening = { clusterId: "cluster", sender: A, recipient: B };
    const body = encodeRaftRequest({ ...opening, envelopes: [heartbeat(1)] });
    body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
    const url = `http://127.0.0.1:${port}${RAFT_PATHS.vital}`;
    const response = await fetch(url, { method: "POST", headers, body });
    expect(response.status).toBe(status);
    expect(receiver.counters.malformed).toBe(status === 400 ? 1 : 0);
    expect(inbox.received).toEqual([]);
  });
});
