import { describe, expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { clusterStatusRoute } from "@stele/shared/wire/admin-calls.ts";
import { MasterClient } from "./master-client.ts";
import type { MasterCall, RpcCalls } from "./master-client.ts";

type Behaviour = "leads" | "down" | "frozen" | "late" | { readonly leader: string | null };

const ANSWER = { kind: "answer", result: { status: "green", reasons: [] } } as const;

function masters(behaviour: Record<string, Behaviour>) {
  const random = new SeededRandom(3);
  const clock = new SimulatedClock(random, nextMacrotask);
  const asked: string[] = [];
  const call = async (
    url: string,
    _route: unknown,
    _request: unknown,
    options: { deadlineMs: number },
  ) => {
    asked.push(url);
    const does = behaviour[url];
    const wait = (untilMs: number) =>
      new Promise<void>((resolve) => void clock.after(untilMs - clock.monotonicMs(), resolve));
    await wait(clock.monotonicMs() + 1);
    if (does === "leads") return ANSWER;
    if (does === "down" || does === undefined) throw new ChannelFailure("refused", "no", "down");
    if (typeof does === "object") return { kind: "not-leader", leaderUrl: does.leader };
    await wait(options.deadlineMs);
    if (does === "frozen") throw new ChannelFailure("deadline", "maybe", "no answer");
    throw new DatabaseError({ code: "DEADLINE", detail: "it goes on" });
  };
  const rpc = { call } as unknown as RpcCalls;
  const urls = () => Object.keys(behaviour);
  const client = new MasterClient({ clock, random, rpc, urls, mastersAwayMs: 5_000 });
  const status = async (effect: MasterCall["effect"], withinMs = 60_000) => {
    const startMs = clock.monotonicMs();
    const deadlineMs = startMs + withinMs;
    let outcome: unknown = null;
    void client.call(clusterStatusRoute, {}, { deadlineMs, attemptMs: 1_000, effect }).then(
      (answer) => (outcome = answer),
      (error: unknown) => (outcome = error),
    );
    await clock.runUntil(() => outcome !== null, 200_000);
    return { outcome, tookMs: clock.monotonicMs() - startMs };
  };
  return { clock, asked, behaviour, status };
}

describe("a call to the masters", () => {
  test("follows the hint to the leader, and asks it first the next time", async () => {
    const { asked, status } = masters({ m1: { leader: "m3" }, m2: { leader: "m3" }, m3: "leads" });
    expect((await status("read")).outcome).toEqual(ANSWER);
    expect(asked.length).toBeLessThanOrEqual(2);
    asked.length = 0;
    await status("read");
    expect(asked).toEqual(["m3"]);
  });

  test("gets past masters that are down or frozen", async () => {
    const { status } = masters({ m1: "down", m2: "frozen", m3: "leads" });
    const { outcome, tookMs } = await status("read");
    expect(outcome).toEqual(ANSWER);
    expect(tookMs).toBeLessThan(1_100);
  });

  test("waits for an election", async () => {
    const { clock, behaviour, status } = masters({
      m1: { leader: null },
      m2: { leader: "m3" },
      m3: "down",
    });
    clock.after(2_000, () => (behaviour["m1"] = "leads"));
    const { outcome, tookMs } = await status("read");
    expect(outcome).toEqual(ANSWER);
    expect(tookMs).toBeLessThan(2_300);
  });

  test("fails with reasons when none can answer", async () => {
    const { status } = masters({ m1: "down", m2: { leader: null } });
    const { outcome, tookMs } = await status("write");
    const { body } = outcome as DatabaseError;
    expect(body).toMatchObject({ code: "UNAVAILABLE", applied: "no" });
    expect(body.detail).toMatch(/m1: refused: down; m2: it does not lead|m2: .*; m1: /);
    expect(tookMs).toBeGreaterThan(4_500);
    expect(tookMs).toBeLessThan(5_500);
  });

  test("that changes something goes on as long as a master may be working on it", async () => {
    const { clock, behaviour, status } = masters({ m1: "late", m2: { leader: "m1" } });
    clock.after(20_000, () => (behaviour["m1"] = "leads"));
    const { outcome, tookMs } = await status("write");
    expect(outcome).toEqual(ANSWER);
    expect(tookMs).toBeLessThan(21_500);
  });

  test("ends at its deadline, with what is certain of its effect", async () => {
    const frozen = masters({ m1: "frozen" });
    const { outcome, tookMs } = await frozen.status("write", 3_500);
    expect((outcome as DatabaseError).body).toMatchObject({ code: "DEADLINE", applied: "unknown" });
    expect(tookMs).toBeLessThanOrEqual(3_501);
    const read = await frozen.status("read", 500);
    expect((read.outcome as DatabaseError).body.applied).toBeUndefined();
  });
});
