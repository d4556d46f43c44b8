import fc from "fast-check";
import { expect, test } from "vitest";
import { ddmin } from "./ddmin.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

test("one needed item of forty is found in few trials", async () => {
  let trials = 0;
  const found = await ddmin(upTo(40), async (part) => {
    trials++;
    return part.includes(23);
  });
  expect(found).toEqual([23]);
  expect(trials).toBeLessThan(20);
});

test("a failure that needs nothing needs no item", async () => {
  expect(await ddmin(upTo(12), () => Promise.resolve(true))).toEqual([]);
});

test("a failure that needs everything keeps everything, in order", async () => {
  expect(await ddmin(upTo(9), async (part) => part.length === 9)).toEqual(upTo(9));
});

test("whatever items are needed together, exactly these are left", async () => {
  const lists = fc.integer({ min: 1, max: 30 }).chain((length) => {
    return fc.tuple(fc.constant(length), fc.subarray(upTo(length), { minLength: 1 }));
  });
  await fc.assert(
    fc.asyncProperty(lists, async ([length, needed]) => {
      const found = await ddmin(upTo(length), async (part) =>
        needed.every((item) => part.includes(item)),
      );
      expect(found).toEqual(needed);
    }),
  );
});

test("of a failure with several causes the result is 1-minimal", async () => {
  const subsets = fc.array(fc.subarray(upTo(12), { minLength: 1 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(subsets, async (causes) => {
      const fails = (part: readonly number[]): boolean =>
        causes.some((cause) => cause.every((item) => part.includes(item)));
      const found = await ddmin(upTo(12), (part) => Promise.resolve(fails(part)));
      expect(fails(found)).toBe(true);
      for (const item of found) expect(fails(found.filter((each) => each !== item))).toBe(false);
    }),
  );
});
