import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { parseJson } from "./json-text.ts";
import { parseLargeJson } from "./large-json.ts";
import { TurnTaker } from "./turn-taker.ts";

const parseLarge = (text: string) => parseLargeJson(Buffer.from(text), new TurnTaker(systemClock));
/** Long enough that lists and objects of some of them are cut. */
const filler = "x".repeat(30_000);

async function outcome(parse: () => unknown): Promise<unknown> {
  try {
    return { value: await parse() };
  } catch (error) {
    if (error instanceof DatabaseError) return "refused";
    throw error;
  }
}

test("a body in slices is the body at once", async () => {
  const inner = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.array(fc.oneof(fc.constant(filler), fc.jsonValue({ maxDepth: 1 })), { maxLength: 8 }),
    fc.dictionary(fc.string(), fc.constantFrom(filler, 1, [filler], { "}": "]," }), { maxKeys: 8 }),
  );
  const body = fc.dictionary(fc.string(), inner, { maxKeys: 4 });
  await fc.assert(
    fc.asyncProperty(body, fc.constantFrom(undefined, 1), async (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      fc.pre(text.isWellFormed());
      expect(await outcome(() => parseLarge(text))).toEqual(
        await outcome(() => parseJson(Buffer.from(text))),
      );
    }),
  );
});

test("damage is refused in slices as it is at once", async () => {
  const good = JSON.stringify({
    ops: [filler, { a: [filler] }, filler, 1, filler],
    columns: { a: filler, b: filler, c: { d: filler }, e: filler },
    last: "x",
  });
  const noise = fc.constantFrom("", ",", "]", "}", "[", "{", '"', ":", "\\", " ", ",,", '"a":1');
  // Most characters are filler: places are taken near the structure.
  const places = [...good.matchAll(/[^x]/g)].map(({ index }) => index);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...places), fc.nat(1), noise, async (place, cut, insert) => {
      const text = good.slice(0, place) + insert + good.slice(place + cut);
      expect(await outcome(() => parseLarge(text)), text.replaceAll(filler, "~")).toEqual(
        await outcome(() => parseJson(Buffer.from(text))),
      );
    }),
    { numRuns: 1000 },
  );
});

test("members given twice are seen across slices, and __proto__ is a member", async () => {
  const members = ["a", "b", "c", "d", "a"].map((name) => `"${name}":"${filler}"`).join();
  await expect(parseLarge(`{"columns":{${members}}}`)).rejects.toThrow("/columns/a");
  await expect(parseLarge('{"ops":[],"ops":[]}')).rejects.toThrow("/ops");
  const proto = (await parseLarge(`{"columns":{"__proto__":{"x":1}},"__proto__":1}`)) as object;
  expect(Object.keys(proto)).toEqual(["columns", "__proto__"]);
  expect("x" in proto).toBe(false);
});
