import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "@stele/shared/random.ts";
import { RetryNumbers } from "./retry-numbers.ts";

test("doneBelow is the lowest number that is open, or the next one", () => {
  const step = fc.option(fc.nat({ max: 20 }));
  const property = fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
    const numbers = new RetryNumbers(new SeededRandom(1));
    const open: number[] = [];
    let given = 0;
    for (const at of steps) {
      if (at === null || open.length === 0) {
        open.push(numbers.take());
        given++;
      } else {
        const [seq] = open.splice(at % open.length, 1);
        numbers.settle(seq as number);
      }
      expect(numbers.doneBelow).toBe(Math.min(given + 1, ...open));
    }
  });
  fc.assert(property);
});

test("two runs of a process have different boot ids", () => {
  const [one, other] = [1, 2].map((seed) => new RetryNumbers(new SeededRandom(seed)).bootId);
  expect(one).not.toBe(other);
});
