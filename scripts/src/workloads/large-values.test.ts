import { SeededRandom } from "@stele/shared/random.ts";
import { expect, test } from "vitest";
import { largeText, readSpelledShort, spelledOut, spelledShort } from "./large-values.ts";
import { set, write } from "./writes.ts";

function readOf(value: string) {
  return { kind: "read", row: { version: 1, columns: new Map([["d:v", value]]) } } as const;
}

test("a large value is called with all its bytes, and is short again in the answer", () => {
  const short = JSON.stringify(`a${largeText(new SeededRandom(1), 2_000)},`);
  const [mutation] = spelledOut(write("k", [set(short)])).mutations;
  const value = mutation?.kind === "set" ? mutation.value : "";
  expect(value.length).toBeGreaterThan(2_000);
  expect(spelledShort(value)).toBe(short);
  expect(readSpelledShort(readOf(value))).toEqual(readOf(short));
  const twice = value.slice(0, -1) + value.slice(1);
  expect(spelledShort(twice)).toBe(short.slice(0, -1) + short.slice(1));
});

test("a large value that lost a byte, or got one, is not spelled short", () => {
  for (const value of ['"a~3~.."', '"a~3~...."', '"a~3~"']) expect(spelledShort(value)).toBe(value);
});
