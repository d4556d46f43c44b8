import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import { LoneTablet } from "../testing/lone-tablet.ts";
import { increment, rowWrite } from "../testing/row-writes.ts";
import { LeaderAge, logAge } from "./log-age.ts";
import { TABLET_LIMITS } from "./tablet-limits.ts";

const HOUR_MS = 3_600_000;

/** Sends one increment of row `a` and gives the counter behind it, and whether it is a stored result of the key. */
async function count(
  lone: LoneTablet,
  seq: number,
  idempotencyKey?: string,
): Promise<{ readonly value: number; readonly replayed: boolean }> {
  const more = idempotencyKey === undefined ? {} : { idempotencyKey };
  const reply = lone.write(seq, [rowWrite("a", [increment("n")], more)]);
  await lone.run();
  return counted(await reply);
}

function counted(reply: RowReply): { readonly value: number; readonly replayed: boolean } {
  const outcome = reply.kind === "written" ? reply.outcomes[0] : undefined;
  if (outcome?.kind !== "done") throw new Error(`not done: ${JSON.stringify(reply)}`);
  const { computed, replayed } = outcome.result;
  return { value: Number(computed[0]?.value.readBigInt64BE()), replayed };
}

const first = { value: 1, replayed: false };

describe("what is remembered for a while", () => {
  test("is not forgotten by a leader whose wall clock is hours ahead: no write takes effect twice", async () => {
    const lone = await LoneTablet.begin();
    expect(await count(lone, 1)).toEqual(first);
    expect(await count(lone, 2, "key")).toEqual({ value: 2, replayed: false });
    lone.restart({ wallAheadMs: 2 * HOUR_MS });
    expect(await count(lone, 3)).toEqual({ value: 3, replayed: false });
    expect(await count(lone, 1)).toEqual(first);
    expect(await count(lone, 4, "key")).toEqual({ value: 2, replayed: true });
    expect(lone.tablet.state.maxVersion).toBeGreaterThan(2 * HOUR_MS * 1000);
  });

  test("is not forgotten when the leader's own wall clock jumps, ahead or back", async () => {
    const lone = await LoneTablet.begin();
    expect(await count(lone, 1)).toEqual(first);
    expect(await count(lone, 2, "key")).toEqual({ value: 2, replayed: false });
    for (const [seq, ahead] of [5, -5, 50].entries()) {
      lone.clock.wallAheadMs = ahead * HOUR_MS;
      await count(lone, 10 + seq);
      expect(await count(lone, 1)).toEqual(first);
      expect(await count(lone, 20 + seq, "key")).toEqual({ value: 2, replayed: true });
    }
  });

  test("is forgotten when its time has passed under leaders, and times without one do not count", async () => {
    const lone = await LoneTablet.begin();
    await count(lone, 1);
    lone.clock.pass(TABLET_LIMITS.retryTtlMs - 2);
    await count(lone, 2);
    lone.follow();
    lone.clock.pass(HOUR_MS);
    lone.lead();
    await lone.settle();
    lone.clock.pass(1);
    await count(lone, 3);
    expect(await count(lone, 1)).toEqual(first);
    lone.restart({ nowMs: 5 });
    await lone.settle();
    lone.clock.pass(1);
    expect(await count(lone, 4)).toEqual({ value: 4, replayed: false });
    expect(lone.tablet.state.age).toBe(TABLET_LIMITS.retryTtlMs);
    expect(await count(lone, 1)).toEqual({ value: 5, replayed: false });
  });

  test("is there as long as it is asked for, whoever leads, whatever is lost, whatever clocks show", async () => {
    const ms = fc.oneof(fc.nat(TABLET_LIMITS.retryTtlMs), fc.nat(1000));
    const hours = fc.integer({ min: -50, max: 50 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("pass" as const), ms }),
      fc.record({ kind: fc.constant("write" as const) }),
      fc.record({ kind: fc.constant("lose" as const), ms }),
      fc.record({ kind: fc.constant("jump" as const), hours }),
      fc.record({ kind: fc.constant("restart" as const), hours, nowMs: fc.nat(1e9) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const lone = await LoneTablet.begin();
        const told: { readonly seq: number; readonly atMs: number; readonly value: number }[] = [];
        let passedMs = 0;
        const pass = (by: number): void => {
          passedMs += by;
          lone.clock.pass(by);
        };
        for (const [seq, one] of steps.entries()) {
          switch (one.kind) {
            case "pass":
              pass(one.ms);
              break;
            case "write":
              told.push({ seq, atMs: passedMs, value: (await count(lone, seq)).value });
              break;
            case "lose":
              void lone.write(seq, [rowWrite("a", [increment("n")])]);
              await lone.propose();
              lone.group.proposed.length = 0;
              lone.follow();
              pass(one.ms);
              lone.lead();
              await lone.settle();
              break;
            case "jump":
              lone.clock.wallAheadMs = one.hours * HOUR_MS;
              break;
            case "restart":
              lone.restart({ nowMs: one.nowMs, wallAheadMs: one.hours * HOUR_MS });
              await lone.settle();
          }
          expect(lone.tablet.state.age).toBeLessThanOrEqual(passedMs);
          for (const { atMs, seq: again, value } of told) {
            if (passedMs - atMs >= TABLET_LIMITS.retryTtlMs) continue;
            expect(await count(lone, again)).toEqual({ value, replayed: false });
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("a term counts on from the age that the log has reached, in whole milliseconds", async () => {
  const { clock } = await LoneTablet.begin();
  clock.nowMs = 7.9;
  const age = new LeaderAge(clock, logAge(100));
  expect(age.now()).toBe(100);
  clock.nowMs = 9.8;
  expect(age.now()).toBe(101);
  expect(age.at(10.9)).toBe(103);
});
