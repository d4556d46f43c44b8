import { expect, test } from "vitest";
import { DatabaseError } from "@stele/shared/errors.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import { clusterTabletRoute } from "@stele/shared/wire/admin-calls.ts";
import type { MasterClient, RpcCalls } from "./master-client.ts";
import { server } from "./testing/fake-tablet.ts";
import { verifyTablet } from "./verify-tablet.ts";

const VIEW = { index: 9, equal: true, replicas: [{ server: "ts2", rows: 3, hash: "h" }] };

/** Three servers, of which `leads` leads tablet 7; the masters think that `believed` does. */
function cluster(options: { believed: number | null; leads: number | null; down?: number }) {
  const random = new SeededRandom(1);
  const clock = new SimulatedClock(random, nextMacrotask);
  const asked: string[] = [];
  const { believed, down, leads } = options;
  const servers = [1, 2, 3].map((n) => ({ id: `ts${n}`, serverId: server(n), url: `u${n}` }));
  const masters = {
    call: async (route: unknown) => ({
      kind: "answer",
      result:
        route === clusterTabletRoute
          ? { id: "7", leader: believed === null ? null : `ts${believed}` }
          : servers,
    }),
  } as unknown as Pick<MasterClient, "call">;
  const rpc = {
    call: async (url: string, _route: unknown, request: unknown) => {
      asked.push(url);
      expect(request).toEqual({ tabletId: 7 });
      if (url === `u${down}`) throw new ChannelFailure("refused", "no", "down");
      if (url === `u${leads}`) return { kind: "verified", ...VIEW };
      return { kind: "not-leader", leader: leads === null ? null : server(leads) };
    },
  } as unknown as RpcCalls;
  const parts = { clock, random, rpc, masters, leaderlessMs: 3_000 };
  const signal = new AbortController().signal;
  const verify = async (): Promise<unknown> => {
    let outcome: unknown = null;
    const limits = { deadlineMs: clock.monotonicMs() + 60_000, signal };
    void verifyTablet(parts, "7", limits).then(
      (view) => (outcome = view),
      (error: unknown) => (outcome = error),
    );
    await clock.runUntil(() => outcome !== null, 100_000);
    return outcome;
  };
  return { clock, asked, verify };
}

test("a tablet is verified by the server that leads it, which the believed one names", async () => {
  const { asked, verify } = cluster({ believed: 1, leads: 2 });
  expect(await verify()).toEqual(VIEW);
  expect(asked).toEqual(["u1", "u2"]);
});

test("a tablet without a leader that answers cannot be verified, and says why", async () => {
  for (const options of [
    { believed: null, leads: null },
    { believed: 1, leads: null },
    { believed: 3, leads: 3, down: 3 },
  ]) {
    const { clock, verify } = cluster(options);
    const error = await verify();
    expect(error).toBeInstanceOf(DatabaseError);
    expect((error as DatabaseError).body).toMatchObject({ code: "NO_QUORUM", retryAfterMs: 1000 });
    expect((error as DatabaseError).body.detail).toMatch(/Tablet 7 cannot be verified: ./);
    expect(clock.monotonicMs()).toBeLessThan(4_000);
  }
});
