import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const PATH = /["`](\/internal\/[a-z/-]+)["`]/g;

function pathsIn(text: string): string[] {
  return [...text.matchAll(PATH)].map(([, path]) => path ?? "");
}

test("docs/MESSAGES.md lists every path that processes call each other by, and no other", () => {
  const sources = globSync("{shared,master,tablet-server,frontend}/src/**/*.ts", { cwd: root })
    .filter((file) => !/\.(test|bench)\.ts$|\/testing\//.test(file))
    .map((file) => readFileSync(`${root}${file}`, "utf8"));
  const listed = new Set(pathsIn(readFileSync(`${root}docs/MESSAGES.md`, "utf8")));
  expect([...listed].sort()).toEqual([...new Set(sources.flatMap(pathsIn))].sort());
});
