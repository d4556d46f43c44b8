import { expect, test } from "vitest";
import { LoneTablet } from "./testing/lone-tablet.ts";
import { increment, rowWrite } from "./testing/row-writes.ts";
import { IdempotencyExpiry } from "./idempotency-expiry.ts";

const TTL_MS = 3_600_000;

const keyed = (row: string, idempotencyKey: string) =>
  rowWrite(row, [increment("n")], { idempotencyKey });

function expiryOf(lone: LoneTablet): IdempotencyExpiry {
  const { clock, failures, store } = lone;
  const failed = (error: unknown): void => void failures.push(error);
  return new IdempotencyExpiry({ store, clock, tablets: () => [lone.tablet], failed });
}

test("records go when their time has passed, slice by slice, and others stay", async () => {
  const lone = await LoneTablet.begin();
  const old = Array.from({ length: 600 }, (_, at) => keyed(`r${at % 7}`, `old${at}`));
  void lone.write(0, old);
  await lone.run();
  lone.clock.pass(TTL_MS / 2);
  void lone.write(600, [keyed("r1", "young")]);
  await lone.run();
  const expiry = expiryOf(lone);
  await expiry.tick();
  expect(await lone.propose()).toEqual([]);

  lone.clock.pass(TTL_MS / 2 + 60_000);
  for (let tick = 0; tick < 10; tick++) {
    await expiry.tick();
    const proposed = await lone.propose();
    expect(proposed.length).toBeLessThanOrEqual(1);
    await lone.commit();
  }
  const young = await lone.write(700, [keyed("r1", "young")]);
  expect(young).toMatchObject({ outcomes: [{ result: { replayed: true } }] });
  const { idempotencyBytes } = lone.tablet.state;
  expect(idempotencyBytes).toBeGreaterThan(0);
  expect(idempotencyBytes).toBeLessThan(200);
  expect(lone.failures).toEqual([]);
});

test("a follower and a tablet without records are left alone, and a lost proposal is made again", async () => {
  const lone = await LoneTablet.begin();
  const expiry = expiryOf(lone);
  await expiry.tick();
  void lone.write(0, [keyed("a", "k")]);
  await lone.run();
  lone.clock.pass(TTL_MS + 1);
  await expiry.tick();
  expect(await lone.propose()).toMatchObject([{ kind: "forget-idempotency" }]);
  lone.follow();
  lone.group.proposed.length = 0;
  lone.clock.pass(60_000);
  await expiry.tick();
  expect(await lone.propose()).toEqual([]);
  lone.lead();
  await lone.settle();
  // What the first leader told in no entry that lasted is not counted.
  lone.clock.pass(TTL_MS + 1);
  await expiry.tick();
  await lone.run();
  expect(lone.tablet.state.idempotencyBytes).toBe(0);
});

test("records of a tablet without writes go in time, though its leaders change before", async () => {
  const lone = await LoneTablet.begin();
  const expiry = expiryOf(lone);
  void lone.write(0, [keyed("a", "k")]);
  await lone.run();
  const minute = 60_000;
  let entries = 0;
  for (let passed = 0; passed < TTL_MS; passed += minute) {
    expect(lone.tablet.state.idempotencyBytes).toBeGreaterThan(0);
    if (passed % (12 * minute) === 0) lone.restart({ wallAheadMs: passed });
    lone.clock.pass(minute);
    await expiry.tick();
    entries += (await lone.propose()).length;
    await lone.commit();
  }
  // Each of the 5 leaders told 10 of its 12 minutes.
  expect(entries).toBe(10);
  expect(lone.tablet.state.age).toBe(50 * minute);
  lone.clock.pass(10 * minute);
  await expiry.tick();
  await lone.run();
  expect(lone.tablet.state.idempotencyBytes).toBe(0);
});
