import { expect, test } from "vitest";
import type { StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import { spaceId } from "../ids.ts";
import { decodeCounters, decodeGarbage, SpaceLedger } from "./space-ledger.ts";
import type { KeyRange } from "./state-machine.ts";

const range = (start: string, end: string): KeyRange => {
  return { start: Buffer.from(start), end: Buffer.from(end) };
};

function valueOf(operation: StoreOperation): Buffer {
  if (operation.type === "del") throw new Error("a put was expected");
  return operation.value;
}

const fresh = (): SpaceLedger => new SpaceLedger({ nextSpace: 1, nextGarbage: 1 }, []);

test("no space is handed out twice, not even after a restart or when the log knows a later one", () => {
  const ledger = fresh();
  expect([ledger.takeSpace(), ledger.takeSpace()]).toEqual([1, 2]);
  const counters = decodeCounters(valueOf(ledger.countersOperation()));
  const restarted = new SpaceLedger(counters, []);
  restarted.seen(spaceId(9));
  restarted.seen(spaceId(4));
  expect(restarted.takeSpace()).toBe(10);
});

test("garbage survives a restart with its ranges, and its number is not given again", () => {
  const ledger = fresh();
  const ranges = [range("a", "b"), range("\u0000c", "d")];
  const { garbage, operation } = ledger.discard(ranges);
  const found = decodeGarbage(garbage.number, valueOf(operation));
  expect(found).toEqual(garbage);
  // The counters of that batch are lost: the item itself tells.
  const restarted = new SpaceLedger({ nextSpace: 1, nextGarbage: 1 }, [found]);
  expect(restarted.nextCollectable()).toEqual(garbage);
  expect(restarted.discard(ranges).garbage.number).toBe(garbage.number + 1);
});

test("what is held is not collected until it is released, and never once it is a replica's data", () => {
  const ledger = fresh();
  const { garbage } = ledger.discard([range("a", "b")]);
  ledger.hold(garbage.number);
  expect(ledger.nextCollectable()).toBeNull();
  ledger.release(garbage.number);
  expect(ledger.nextCollectable()).toEqual(garbage);
  ledger.hold(garbage.number);
  expect(ledger.remove(garbage.number)).toMatchObject({ type: "del" });
  ledger.release(garbage.number);
  expect(ledger.nextCollectable()).toBeNull();
});
