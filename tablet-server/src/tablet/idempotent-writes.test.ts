import { afterEach, describe, expect, test } from "vitest";
import type { RowWrite } from "@stele/shared/row-operations.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import { LoneTablet } from "../testing/lone-tablet.ts";
import { DELETE_ROW, increment, rowWrite, set } from "../testing/row-writes.ts";
import { outcomes, told } from "../testing/written-outcomes.ts";

let lone: LoneTablet;

afterEach(() => {
  expect(lone.failures).toEqual([]);
});

describe("idempotency keys", () => {
  const keyed = (fingerprint?: string) =>
    rowWrite("a", [increment("n")], {
      idempotencyKey: "k",
      ...(fingerprint === undefined ? {} : { fingerprint }),
    });

  test("are known while the first request's entry is on its way, and bound to its request", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [keyed()]);
    await lone.propose();
    const again = lone.write(2, [keyed()]);
    const other = lone.write(3, [keyed("another")]);
    await lone.settle();
    expect(await Promise.race([again, Promise.resolve("open")])).toBe("open");
    await lone.commit();
    expect(told(await first)).toEqual([1]);
    expect(outcomes(await again)).toMatchObject([{ result: { replayed: true } }]);
    expect(told(await other)).toEqual(["IDEMPOTENCY_MISMATCH"]);
    lone.restart();
    expect(outcomes(await lone.write(4, [keyed()]))).toMatchObject([
      { result: { replayed: true } },
    ]);
  });

  test("are free again after their time, and a record in place of an expired one counts once", async () => {
    lone = await LoneTablet.begin();
    const first = lone.write(1, [keyed()]);
    await lone.run();
    await first;
    const { idempotencyBytes } = lone.tablet.state;
    expect(idempotencyBytes).toBeGreaterThan(0);
    lone.clock.pass(3_600_001);
    const again = lone.write(2, [keyed("another")]);
    await lone.run();
    expect(told(await again)).toEqual([2]);
    expect(Math.abs(lone.tablet.state.idempotencyBytes - idempotencyBytes)).toBeLessThan(20);
  });

  test("of a delete are kept too: a retry does not remove the row that was written since", async () => {
    lone = await LoneTablet.begin();
    const put = rowWrite("a", [set("v", "value")]);
    const gone = rowWrite("a", [DELETE_ROW], { idempotencyKey: "k" });
    const call = async (callId: number, write: RowWrite): Promise<RowReply> => {
      const reply = lone.write(callId, [write]);
      await lone.run();
      return reply;
    };
    await call(1, put);
    expect(told(await call(2, gone))).toEqual(["done"]);
    await call(3, put);
    expect(outcomes(await call(4, gone))).toMatchObject([{ result: { replayed: true } }]);
    expect(lone.tablet.state.rows).toBe(1);
  });
});
