import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { allMutants, LISTED_BUGS, mutantsNamed, notPlanted } from "./all-mutants.ts";
import { edited, MisfitError } from "./mutant.ts";

function source(file: string): string {
  return readFileSync(fileURLToPath(new URL(`../../../${file}`, import.meta.url)), "utf8");
}

describe("every planted bug", () => {
  test.each(allMutants.map((mutant) => [mutant.name, mutant] as const))("%s", (_name, mutant) => {
    for (const edit of mutant.edits) {
      const text = source(edit.file);
      const sick = edited(text, edit);
      expect(sick).not.toBe(text);
      expect(() => stripTypeScriptTypes(sick)).not.toThrow();
    }
  });
});

test("no two planted bugs have one name", () => {
  const names = allMutants.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("every number of the list is planted, or there is a reason why not", () => {
  const planted = new Set(allMutants.map(({ number }) => number));
  for (let number = 1; number <= LISTED_BUGS; number++) {
    expect(planted.has(number), `number ${number}`).toBe(!notPlanted.has(number));
  }
});

test("planted bugs are found by number and by words of their name", () => {
  expect(mutantsNamed("8").map(({ number }) => number)).toEqual([8, 8]);
  expect(mutantsNamed("failed FSYNC").map(({ number }) => number)).toEqual([21]);
  expect(mutantsNamed("no such bug")).toEqual([]);
});

test("a patch that does not fit the sources, or fits twice, is refused", () => {
  const edit = { file: "x.ts", original: "a;", replacement: "b;" };
  expect(edited("a; c;", edit)).toBe("b; c;");
  expect(() => edited("c;", edit)).toThrow(MisfitError);
  expect(() => edited("a; a;", edit)).toThrow(MisfitError);
});

test("the documentation lists every planted bug with its first checker", () => {
  const documentation = source("docs/TESTING.md");
  for (const { name, catchers } of allMutants) {
    const line = documentation.split("\n").find((each) => each.includes(`| ${name} |`));
    expect(line, name).toContain(catchers[0]);
  }
});
