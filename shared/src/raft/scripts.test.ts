// Runs every script of testdata/ and compares its trace line by line. With STELE_REWRITE_TRACES=1
// the traces are written anew instead, to be read and judged by whoever changed them.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatScript, parseScript, runScript } from "./testing/script.ts";

const folder = new URL("./testdata/", import.meta.url);
const scripts = readdirSync(folder).filter((name) => name.endsWith(".txt"));

test.each(scripts)("the cores follow %s", (name) => {
  const file = new URL(name, folder);
  const text = readFileSync(file, "utf8");
  const actual = formatScript(runScript(parseScript(text)));
  if (process.env["STELE_REWRITE_TRACES"] === "1") writeFileSync(file, actual);
  else expect(actual).toBe(text);
});

test("there is a script for each known pitfall", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(20);
});
