import fc from "fast-check";
import { expect, test } from "vitest";
import { tabletId } from "@stele/shared/ids.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { RetryNumbers } from "./retry-numbers.ts";
import type { RetryNumber } from "./retry-numbers.ts";

const TABLETS = [1, 2, 3].map((id) => tabletId(id));

/** Takes a number for a tablet, or settles one of those open, or makes a call to a tablet. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("take" as const), at: fc.nat({ max: 2 }) }),
  fc.record({ kind: fc.constant("settle" as const), at: fc.nat({ max: 50 }) }),
  fc.record({ kind: fc.constant("call" as const), at: fc.nat({ max: 2 }) }),
);

test("numbers are unique, none is told to be done while it is open, and tablets do not hold each other back", () => {
  const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const numbers = new RetryNumbers(new SeededRandom(1), { retrySpan: 5, retryTablets: 2 });
    const given = new Set<string>();
    const open: (RetryNumber & { readonly tablet: number })[] = [];
    for (const { kind, at } of steps) {
      if (kind === "take") {
        const number = numbers.take(TABLETS[at]!);
        const name = `${number.sequence.sequenceId}/${number.seq}`;
        expect(given.has(name)).toBe(false);
        given.add(name);
        open.push({ ...number, tablet: at });
        expect(number.sequence.span).toBeLessThanOrEqual(5);
      } else if (kind === "settle" && open.length > 0) {
        const [{ seq, sequence }] = open.splice(at % open.length, 1) as [(typeof open)[number]];
        sequence.settle(seq);
      } else if (kind === "call") {
        for (const told of numbers.retiredOf(TABLETS[at]!)) {
          const own = open.filter(({ sequence }) => sequence.sequenceId === told.sequenceId);
          for (const { seq } of own) expect(seq).toBeGreaterThanOrEqual(told.doneBelow);
        }
      }
      for (const { seq, sequence, tablet } of open) {
        expect(sequence.doneBelow).toBeLessThanOrEqual(seq);
        const others = open.filter((each) => each.sequence === sequence);
        expect(others.every((each) => each.tablet === tablet)).toBe(true);
      }
    }
  });
  fc.assert(property);
});

test("doneBelow is the lowest number that is open, or the next one", () => {
  const property = fc.property(fc.array(fc.option(fc.nat({ max: 20 }))), (steps) => {
    const numbers = new RetryNumbers(new SeededRandom(1), { retrySpan: 1000, retryTablets: 1 });
    const { seq: first, sequence } = numbers.take(TABLETS[0]!);
    const open = [first];
    let next = first + 1;
    for (const at of steps) {
      if (at === null || open.length === 0) {
        open.push(numbers.take(TABLETS[0]!).seq);
        next++;
      } else {
        const [seq] = open.splice(at % open.length, 1) as [number];
        sequence.settle(seq);
      }
      expect(sequence.doneBelow).toBe(Math.min(next, ...open));
    }
  });
  fc.assert(property);
});

test("a sequence that a hanging write outgrew is told about until it is over, and not for ever", () => {
  const [tablet, other] = TABLETS as [never, never];
  const numbers = new RetryNumbers(new SeededRandom(1), { retrySpan: 3, retryTablets: 9 });
  const hung = numbers.take(tablet);
  for (let count = 0; count < 2; count++) {
    const { seq, sequence } = numbers.take(tablet);
    sequence.settle(seq);
  }
  expect(numbers.retiredOf(tablet)).toEqual([]);
  const next = numbers.take(tablet);
  expect(next.sequence).not.toBe(hung.sequence);
  const { sequenceId } = hung.sequence;
  for (let call = 0; call < 100; call++) {
    expect(numbers.retiredOf(tablet)).toEqual([{ sequenceId, doneBelow: 1 }]);
  }
  expect(numbers.retiredOf(other)).toEqual([]);
  hung.sequence.settle(hung.seq);
  expect(numbers.retiredOf(tablet)).toEqual([{ sequenceId, doneBelow: 4 }]);
  for (let call = 0; call < 100; call++) numbers.retiredOf(tablet);
  expect(numbers.retiredOf(tablet)).toEqual([]);
});

test("two runs of a process name their sequences differently", () => {
  const limits = { retrySpan: 3, retryTablets: 9 };
  const [one, two] = [1, 2].map((seed) => new RetryNumbers(new SeededRandom(seed), limits));
  const idOf = (numbers?: RetryNumbers) => numbers?.take(TABLETS[0]!).sequence.sequenceId;
  expect(idOf(one)).not.toBe(idOf(two));
});
