import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../random.ts";
import { nextMacrotask } from "../../testing/macrotask.adapter.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { RAFT_PATHS } from "../raft-transport.ts";
import { CALM_NETWORK, MemoryNetwork } from "./memory-network.ts";
import type { NetworkFaults } from "./memory-network.ts";

const A = "http://a";
const B = "http://b";

function world(
  seed: number,
  faults: Partial<NetworkFaults> = {},
): { readonly clock: SimulatedClock; readonly network: MemoryNetwork } {
  const clock = new SimulatedClock(new SeededRandom(seed + 1), nextMacrotask);
  const network = new MemoryNetwork(new SeededRandom(seed), { ...CALM_NETWORK, ...faults });
  return { clock, network };
}

describe("what a network does to messages is counted:", () => {
  /** Posts a minute long, one every 10 ms, to a process that echoes; what became of them. */
  async function echoes(
    faults: Partial<NetworkFaults>,
    path = "/internal/test",
  ): Promise<{ network: MemoryNetwork; served: number; delaysMs: number[]; failed: number }> {
    const { clock, network } = world(7, faults);
    const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
    const result = { network, served: 0, delaysMs: [] as number[], failed: 0 };
    b.serve(path, (body, sink) => {
      result.served++;
      sink.answer(200, body);
      return () => {};
    });
    for (let at = 0; at < 1_000; at++) {
      const sentMs = clock.monotonicMs();
      const request = { url: B, path, body: Buffer.from("echo") };
      a.post(request, {
        head: () => {},
        data: () => {},
        end: () => result.delaysMs.push(clock.monotonicMs() - sentMs),
        failed: () => result.failed++,
      });
      await clock.runFor(10);
    }
    await clock.runFor(20_000);
    return result;
  }

  test("replies lost after their effect", async () => {
    const { network, served, delaysMs, failed } = await echoes({ replyLoss: 0.3 });
    const { repliesLost, lost, sent } = network.counters;
    expect({ served, failed, lost, sent }).toEqual({
      served: 1_000,
      failed: 0,
      lost: 0,
      sent: 2_000,
    });
    expect(repliesLost).toBeGreaterThan(200);
    expect(delaysMs).toHaveLength(1_000 - repliesLost);
  });

  test("delays that are spikes", async () => {
    const { network, delaysMs } = await echoes({ spikeShare: 0.02, spikeMs: 5_000 });
    const { spikes } = network.counters;
    expect(spikes).toBeGreaterThan(20);
    expect(delaysMs).toHaveLength(1_000);
    const late = delaysMs.filter((delayMs) => delayMs > 1);
    expect(late.length).toBeLessThanOrEqual(spikes);
    expect(late.length).toBeGreaterThan(spikes - 5);
    expect(Math.max(...late)).toBeGreaterThan(4_000);
    expect(Math.max(...late)).toBeLessThan(10_001);
  });

  test("losses, breaks, damages and repetitions, each by its kind", async () => {
    const { network, served } = await echoes(
      { loss: 0.1, breakage: 0.1, damage: 0.1, duplication: 0.1 },
      RAFT_PATHS.vital,
    );
    const { counters } = network;
    expect(counters.blocked + counters.repliesLost + counters.spikes).toBe(0);
    for (const kind of ["lost", "broken", "damaged", "duplicated"] as const) {
      expect(counters[kind], kind).toBeGreaterThan(50);
    }
    expect(served).toBeGreaterThan(1_000 - counters.lost);
  });

  test("what a block keeps back", async () => {
    const { clock, network } = world(1);
    const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
    const seen: string[] = [];
    network.onMessage = (from, to, path, chunks) => {
      seen.push(`${from} ${to} ${path} ${Buffer.concat(chunks).length}`);
    };
    b.serve("/internal/test", (_body, sink) => {
      sink.write([Buffer.alloc(3), Buffer.alloc(4)]);
      sink.end([]);
      return () => {};
    });
    network.block(B, A);
    a.post(
      { url: B, path: "/internal/test", body: Buffer.alloc(5) },
      { head: () => {}, data: () => {}, end: () => {}, failed: () => {} },
    );
    await clock.runFor(10);
    const back = `${B} ${A} /internal/test`;
    expect(seen).toEqual([`${A} ${B} /internal/test 5`, `${back} 7`, `${back} 0`]);
    expect(network.counters).toMatchObject({ sent: 3, blocked: 2, lost: 0 });
  });
});

test("streams suffer what messages do, and never end as if they were whole", async () => {
  const outcomes = new Map<string, number>();
  const kinds = { loss: 0.02, breakage: 0.02, damage: 0.02, replyLoss: 0.3 };
  const counted = { lost: 0, broken: 0, damaged: 0, repliesLost: 0 };
  for (let seed = 0; seed < 60; seed++) {
    const { clock, network } = world(seed, kinds);
    const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
    const environment = { clock: b.clock, unexpected: () => {} };
    let taken = 0;
    b.serveStream(
      "/internal/snapshot",
      async (frames) => {
        for await (const frame of frames) taken += frame.length;
        return Buffer.from(String(taken));
      },
      environment,
    );
    const frames = async function* (): AsyncGenerator<Buffer, void, void> {
      for (let at = 0; at < 20; at++) yield Buffer.alloc(10);
    };
    const sent = a.sendStream(B, "/internal/snapshot", frames(), { answerMs: 500 });
    const outcome = sent.then(
      (answer) => `answer of ${answer.length} bytes`,
      (error: Error) => error.constructor.name,
    );
    const found = await clock.until(outcome);
    if (found.startsWith("answer")) expect(taken).toBe(200);
    outcomes.set(found, (outcomes.get(found) ?? 0) + 1);
    for (const kind of Object.keys(counted) as (keyof typeof counted)[]) {
      counted[kind] += network.counters[kind];
    }
  }
  expect([...outcomes.keys()].sort()).toEqual([
    "ChannelFailure",
    "DatabaseError",
    "answer of 3 bytes",
  ]);
  for (const [kind, count] of Object.entries(counted)) expect(count, kind).toBeGreaterThan(3);
});

test("half of what was sent before a connection broke arrives, behind what was sent after", async () => {
  const { clock, network } = world(5);
  const [a, b] = [network.host(A, clock.process()), network.host(B, clock.process())];
  const path = "/internal/test";
  const arrived: string[] = [];
  const told: string[] = [];
  b.serve(path, (body, sink) => {
    arrived.push(body.toString());
    sink.answer(200, body);
    return () => {};
  });
  const post = (text: string): void => {
    const events = {
      head: () => {},
      data: (chunk: Buffer) => void told.push(chunk.toString()),
      end: () => {},
      failed: (reason: string, sent: string) => void told.push(`${text} ${reason} ${sent}`),
    };
    a.post({ url: B, path, body: Buffer.from(text) }, events);
  };
  let late = 0;
  for (let round = 0; round < 100; round++) {
    network.delay(A, B, 10);
    post("first");
    network.delay(A, B, -10);
    network.breakConnections(A, B);
    post("second");
    await clock.runFor(50);
    expect(arrived[0]).toBe("second");
    if (arrived.length > 1) late++;
    expect(told[0]).toBe("first broken maybe");
    arrived.length = 0;
    told.length = 0;
  }
  expect(late).toBeGreaterThan(30);
  expect(late).toBeLessThan(70);
});
