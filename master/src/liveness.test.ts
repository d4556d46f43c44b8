import { serverId } from "@stele/shared/ids.ts";
import { expect, test } from "vitest";
import { Liveness } from "./liveness.ts";

const LIMITS = { serverSilentMs: 300, serverGoneMs: 1_000, stallMs: 200 };
const A = serverId("00000000-0000-4000-8000-00000000000a");
const B = serverId("00000000-0000-4000-8000-00000000000b");

/** Ticks every 100 ms up to and including `toMs`. */
function tickTo(liveness: Liveness, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 100) liveness.tick(nowMs);
}

test("a new leader knows nothing of a server for a full window before it calls it gone", () => {
  const liveness = new Liveness(LIMITS, [A], 5_000);
  expect([liveness.of(A), liveness.isLive(A)]).toEqual(["unknown", false]);
  tickTo(liveness, 5_000, 5_200);
  expect(liveness.of(A)).toBe("unknown");
  tickTo(liveness, 5_300, 5_900);
  expect(liveness.of(A)).toBe("silent");
  expect(liveness.tick(6_000)).toEqual([{ serverId: A, now: "gone" }]);
  expect(liveness.silenceMs(A, 6_000)).toBe(null);
});

test("a heartbeat revives a server from any state, and its silence counts from then", () => {
  const liveness = new Liveness(LIMITS, [], 0);
  expect(liveness.heard(B, 0)).toBe(true);
  tickTo(liveness, 0, 1_000);
  expect(liveness.of(B)).toBe("gone");
  expect(liveness.heard(B, 1_050)).toBe(true);
  expect(liveness.heard(B, 1_060)).toBe(false);
  expect([liveness.silenceMs(B, 1_100), liveness.silentInMs(B, 1_100)]).toEqual([40, 260]);
});

test("time in which the master itself stood still is nobody's silence", () => {
  const liveness = new Liveness(LIMITS, [], 0);
  liveness.heard(A, 0);
  liveness.tick(100);
  expect(liveness.tick(60_000)).toEqual([]);
  expect(liveness.of(A)).toBe("live");
  tickTo(liveness, 60_100, 60_300);
  expect(liveness.of(A)).toBe("silent");
});
