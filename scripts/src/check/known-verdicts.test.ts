import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseJepsenKeyValueLog } from "./formats/jepsen-key-value-log.ts";
import { parseJepsenRegisterLog } from "./formats/jepsen-register-log.ts";
import { checkHistory, DEFAULT_MEMORY_BYTES } from "./linearizability.ts";
import { keyValueModel } from "./models/key-value.ts";
import { registerModel } from "./models/register.ts";

const limits = {
  nowMs: () => performance.now(),
  budgetMs: 60_000,
  memoryBytes: DEFAULT_MEMORY_BYTES,
};
const read = (name: string): string =>
  readFileSync(new URL(`testdata/${name}`, import.meta.url), "utf8");
const verdicts = JSON.parse(read("verdicts.json")) as Record<string, boolean>;

function judge(name: string): string {
  const lines = read(name).split("\n");
  const verdict = name.endsWith(".log")
    ? checkHistory(registerModel, parseJepsenRegisterLog(lines), limits)
    : checkHistory(keyValueModel, parseJepsenKeyValueLog(lines), limits);
  return verdict.kind;
}

describe("a history recorded elsewhere gets the verdict it is known for", () => {
  const names = Object.keys(verdicts);

  test("there are 70 of etcd and 4 of a key-value store", () => {
    expect(names.filter((name) => name.startsWith("etcd_"))).toHaveLength(70);
    expect(names).toHaveLength(74);
  });

  test.each(names)("%s", (name) => {
    expect(judge(name)).toBe(verdicts[name] === true ? "linearizable" : "violation");
  });
});
