import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "../../ids.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import { SeededRandom } from "../../random.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import type { ProcessClock } from "../../testing/simulated-clock.ts";
import { BATCH_PATH, BatchChannel } from "../batch-channel.ts";
import { BatchResponder } from "../batch-responder.ts";
import type { ChannelFailure, RaftEnvelope, RaftInbox } from "../channel-contract.ts";
import { CALM_NETWORK, MemoryNetwork } from "./memory-network.ts";
import type { MemoryHost, NetworkFaults } from "./memory-network.ts";
import { RaftReceiver } from "../raft-receiver.ts";
import { QueuedRaftTransport, RAFT_PATHS } from "../raft-transport.ts";
import { RpcClient } from "../rpc-client.ts";
import { defineRoute, routeEndpoint } from "../rpc-route.ts";

const A = "http://a";
const B = "http://b";
const HARSH: NetworkFaults = {
  ...CALM_NETWORK,
  leastDelayMs: 0.1,
  mostDelayMs: 30,
  loss: 0.02,
  breakage: 0.02,
  damage: 0.02,
  duplication: 0.1,
};

interface World {
  readonly clock: SimulatedClock;
  readonly network: MemoryNetwork;
  readonly random: SeededRandom;
}

function world(seed: number, faults: NetworkFaults = CALM_NETWORK): World {
  const random = new SeededRandom(seed);
  const clock = new SimulatedClock(new SeededRandom(seed + 1), nextMacrotask);
  return { clock, network: new MemoryNetwork(random, faults), random };
}

/** The outcomes of calls under faults, and which calls the server saw. */
async function manyCalls(seed: number): Promise<{ trace: string[]; seen: Set<string> }> {
  const { clock, network, random } = world(seed, HARSH);
  const client = network.host(A, clock.process());
  const server = network.host(B, clock.process());
  const seen = new Set<string>();
  const responder = new BatchResponder({
    clock: server.clock,
    openReplies: 4,
    handler: {
      handle(calls) {
        for (const call of calls) {
          seen.add(call.payload.toString());
          const reply = Buffer.concat([Buffer.from("re "), call.payload]);
          if (random.below(10) === 0) continue;
          server.clock.after(random.below(200), () => call.reply(reply));
        }
      },
    },
  });
  server.serve(BATCH_PATH, responder.accept);
  const channel = new BatchChannel({
    clock: client.clock,
    exchange: client,
    url: B,
    channelId: "x",
    limits: { headersTimeoutMs: 500 },
  });
  const trace: string[] = [];
  for (let at = 0; at < 300; at++) {
    const name = `call ${at}`;
    const deadlineMs = clock.monotonicMs() + 50 + random.below(2_000);
    void channel.call(Buffer.from(name), deadlineMs).then(
      (reply) => trace.push(`${name}: ${reply.toString()}`),
      (failure: ChannelFailure) => trace.push(`${name}: ${failure.reason} ${failure.sent}`),
    );
    if (random.below(3) === 0) await clock.runFor(random.below(20));
  }
  await clock.runFor(2_200);
  channel.close();
  return { trace, seen };
}

describe("calls over a faulty network", () => {
  test.each([1, 2, 3, 4, 5, 6])(
    "seed %d: each settles once by its deadline, right or as a known failure",
    async (seed) => {
      const { trace, seen } = await manyCalls(seed);
      const names = trace.map((line) => line.slice(0, line.indexOf(":")));
      expect(new Set(names).size).toBe(300);
      expect(trace).toHaveLength(300);
      const answered = trace.filter((line) => /: re /.test(line));
      for (const line of answered) expect(line).toMatch(/^(call \d+): re \1$/);
      const unsent = trace.filter((line) => line.endsWith(" no"));
      for (const line of unsent) expect(seen).not.toContain(line.slice(0, line.indexOf(":")));
      expect(answered.length).toBeGreaterThan(30);
      expect(trace.join()).toMatch(/broken maybe/);
      expect(trace.join()).toMatch(/deadline maybe/);
    },
  );

  test("one seed is one run", async () => {
    expect((await manyCalls(9)).trace).toEqual((await manyCalls(9)).trace);
    expect((await manyCalls(9)).trace).not.toEqual((await manyCalls(10)).trace);
  });

  test("a paused server answers late; a crashed one refuses until it is back", async () => {
    const { clock, network } = world(1);
    const client = network.host(A, clock.process());
    const start = (serverClock: ProcessClock): MemoryHost => {
      const server = network.host(B, serverClock);
      const handler = {
        handle: (calls: readonly { reply(...parts: Buffer[]): void }[]) => {
          for (const call of calls) call.reply(Buffer.from("yes"));
        },
      };
      const responder = new BatchResponder({ clock: serverClock, handler });
      server.serve(BATCH_PATH, responder.accept);
      return server;
    };
    const first = clock.process();
    const server = start(first);
    const parts = { clock: client.clock, exchange: client, url: B, channelId: "x" };
    const channel = new BatchChannel(parts);
    const outcomes: string[] = [];
    const call = async (): Promise<void> => {
      const deadlineMs = clock.monotonicMs() + 10_000;
      await channel.call(Buffer.alloc(1), deadlineMs).then(
        () => outcomes.push(`yes at ${Math.floor(clock.monotonicMs())}`),
        (failure: ChannelFailure) => outcomes.push(`${failure.reason} ${failure.sent}`),
      );
    };
    first.pause();
    void call();
    await clock.runFor(1_000);
    expect(outcomes).toEqual([]);
    first.resume();
    await clock.runFor(100);
    expect(outcomes).toEqual(["yes at 1000"]);
    first.pause();
    void call();
    await clock.runFor(10);
    first.stop();
    server.crash();
    await clock.runFor(10);
    void call();
    await clock.runFor(10);
    start(clock.process());
    void call();
    await clock.runFor(10);
    expect(outcomes.slice(1)).toEqual(["broken maybe", "refused no", "yes at 1130"]);
  });
});

class Inbox implements RaftInbox {
  readonly rounds: number[] = [];
  readonly unreachables: string[] = [];
  receive(_from: ServerId, envelopes: readonly RaftEnvelope[]): void {
    for (const { message } of envelopes) {
      if (message.kind === "heartbeat") this.rounds.push(message.round);
    }
  }
  unreachable(_server: ServerId, reason: string): void {
    this.unreachables.push(reason);
  }
}

const SERVER_A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa" as ServerId;
const SERVER_B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb" as ServerId;

function raftPair({ clock, network }: World): {
  readonly send: (round: number) => void;
  readonly inboxA: Inbox;
  readonly inboxB: Inbox;
  readonly receiver: RaftReceiver;
  readonly transport: QueuedRaftTransport;
} {
  const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
  const [inboxA, inboxB] = [new Inbox(), new Inbox()];
  const clusterId = (): string => "c";
  const receiver = new RaftReceiver({ inbox: inboxB, clusterId, recipient: SERVER_B });
  for (const path of Object.values(RAFT_PATHS)) b.serve(path, receiver.accept);
  const transport = new QueuedRaftTransport({
    clock: a.clock,
    exchange: a,
    urls: { urlOf: () => B },
    inbox: inboxA,
    clusterId,
    sender: SERVER_A,
  });
  const send = (round: number): void => {
    const addressed = { from: 1 as ReplicaId, to: 2 as ReplicaId, term: 3 as Term };
    const message = { kind: "heartbeat" as const, ...addressed, commit: 0 as LogIndex, round };
    transport.send(SERVER_B, "vital", [{ tabletId: 1 as TabletId, message }]);
  };
  return { send, inboxA, inboxB, receiver, transport };
}

describe("Raft messages over a faulty network", () => {
  test.each([1, 2, 3, 4])(
    "seed %d: arrive whole or not at all, some twice, and the lane goes on",
    async (seed) => {
      const made = world(seed, HARSH);
      const { send, inboxA, inboxB, receiver } = raftPair(made);
      for (let round = 0; round < 1_000; round++) {
        send(round);
        await made.clock.runFor(50);
      }
      await made.clock.runFor(20_000);
      const { rounds } = inboxB;
      const distinct = new Set(rounds);
      for (const round of rounds) expect(round).toBeLessThan(1_000);
      expect(distinct.size).toBeGreaterThan(500);
      expect(distinct.size).toBeLessThan(1_000);
      expect(rounds.length).toBeGreaterThan(distinct.size);
      expect(rounds).not.toEqual(rounds.toSorted((x, y) => x - y));
      expect(receiver.counters.malformed).toBeGreaterThan(0);
      expect(inboxA.unreachables).toContain("broken");
    },
  );

  test("a one-way partition loses messages, is noticed, and heals", async () => {
    const made = world(1);
    const { send, inboxA, inboxB } = raftPair(made);
    send(1);
    await made.clock.runFor(10);
    made.network.block(A, B);
    send(2);
    await made.clock.runFor(5_000);
    expect(inboxA.unreachables).toHaveLength(1);
    made.network.unblock(A, B);
    made.network.block(B, A);
    send(3);
    await made.clock.runFor(5_000);
    made.network.unblockAll();
    send(4);
    await made.clock.runFor(10);
    expect(inboxB.rounds).toEqual([1, 3, 4]);
    expect(inboxA.unreachables).toHaveLength(2);
  });
});

test("behind a lost piece of a reply nothing arrives, and nobody is told", async () => {
  const { clock, network } = world(1);
  const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
  b.serve("/internal/test", (_body, sink) => {
    for (const [at, text] of ["one", "two", "three"].entries()) {
      b.clock.after(10 * at, () => sink.write([Buffer.from(text)]));
    }
    return () => {};
  });
  const events: string[] = [];
  const request = { url: B, path: "/internal/test", body: Buffer.alloc(0) };
  a.post(request, {
    head: (status) => events.push(String(status)),
    data: (chunk) => events.push(chunk.toString()),
    end: () => events.push("end"),
    failed: (reason) => events.push(reason),
  });
  await clock.runFor(5);
  network.block(B, A);
  await clock.runFor(10);
  network.unblock(B, A);
  await clock.runFor(60_000);
  expect(events[0]).toBe("200");
  expect(events.slice(1).join("")).toBe("one");
});

describe("routes and streams over a network in memory", () => {
  const route = defineRoute({
    path: "/internal/test",
    request: z.strictObject({ n: z.int() }),
    response: z.int(),
  });

  test("a route answers, and its errors come across", async () => {
    const { clock, network } = world(1);
    const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
    const environment = { clock: b.clock, unexpected: () => {} };
    b.serve(
      route.path,
      routeEndpoint(
        route,
        ({ n }, { signal }) =>
          n > 0
            ? Promise.resolve(n + 1)
            : new Promise<number>((_resolve, reject) => {
                signal.addEventListener("abort", () => reject(new Error("aborted")));
              }),
        environment,
      ),
    );
    const client = new RpcClient(a.clock, a);
    const outcomes: unknown[] = [];
    const call = (n: number): void => {
      void client.call(B, route, { n }, { deadlineMs: clock.monotonicMs() + 500 }).then(
        (result) => outcomes.push(result),
        (error: Error) => outcomes.push(error.message),
      );
    };
    call(41);
    call(0);
    await clock.runFor(1_000);
    expect(outcomes).toEqual([42, expect.stringMatching(/deadline|DEADLINE/)]);
  });

  test("a stream arrives in order and is answered; both sides notice a cut", async () => {
    const { clock, network } = world(2);
    const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
    const environment = { clock: b.clock, unexpected: () => {} };
    const seen: number[] = [];
    let cut = 0;
    b.serveStream(
      "/internal/snapshot",
      async (frames) => {
        try {
          for await (const frame of frames) seen.push(frame.length);
        } catch (error) {
          cut++;
          throw error;
        }
        return Buffer.from("installed");
      },
      environment,
    );
    let closed = 0;
    const frames = async function* (count: number): AsyncGenerator<Buffer, void, void> {
      try {
        for (let at = 0; at < count; at++) yield Buffer.alloc(at);
      } finally {
        closed++;
      }
    };
    const outcomes: string[] = [];
    const send = (count: number): void => {
      void a.sendStream(B, "/internal/snapshot", frames(count), { answerMs: 500 }).then(
        (answer) => outcomes.push(answer.toString()),
        (error: Error) => outcomes.push(error.message),
      );
    };
    send(20);
    await clock.runFor(100);
    expect(outcomes).toEqual(["installed"]);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => at));
    send(1_000_000);
    await clock.runFor(5);
    network.block(A, B);
    await clock.runFor(30_000);
    expect(outcomes[1]).toContain("stands still");
    expect([cut, closed]).toEqual([1, 2]);
    network.unblockAll();
    send(1_000_000);
    await clock.runFor(5);
    b.crash();
    await clock.runFor(30_000);
    expect(outcomes[2]).toContain("connection reset");
    expect(closed).toBe(3);
  });

  test("a damaged frame of a stream is refused by the receiver", async () => {
    const { clock, network } = world(3, { ...CALM_NETWORK, damage: 0.2 });
    const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
    const environment = { clock: b.clock, unexpected: () => {} };
    b.serveStream(
      "/internal/snapshot",
      async (frames) => {
        for await (const frame of frames) expect(frame).toEqual(Buffer.alloc(100, 1));
        return Buffer.alloc(0);
      },
      environment,
    );
    const frames = async function* (): AsyncGenerator<Buffer, void, void> {
      for (let at = 0; at < 100; at++) yield Buffer.alloc(100, 1);
    };
    const sent = a.sendStream(B, "/internal/snapshot", frames(), { answerMs: 500 });
    const settled = expect(sent).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    await clock.runFor(1_000);
    await settled;
  });
});
