import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import type { Mutant } from "../mutant.ts";
import { MisfitError } from "../mutant.ts";
import { ScratchCopy } from "./scratch-copy.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const copies: ScratchCopy[] = [];

async function scratchCopy(): Promise<ScratchCopy> {
  const copy = await ScratchCopy.make(root);
  copies.push(copy);
  return copy;
}

afterEach(async () => {
  for (const copy of copies.splice(0)) await copy.remove();
});

const FILE = "shared/src/row-key.ts";

function planted(...replacements: readonly [string, string][]): Mutant {
  const [first, ...rest] = replacements.map(([original, replacement]) => {
    return { file: FILE, original, replacement };
  });
  if (first === undefined) throw new Error("a mutant has an edit");
  return { name: "a test", number: null, edits: [first, ...rest], catchers: ["liveness"] };
}

test("the packages of a scratch copy find each other inside it, and others outside", async () => {
  const copy = await scratchCopy();
  const { resolve } = createRequire(join(copy.directory, "scripts/src/check/model.ts"));
  expect(resolve("@stele/shared/row-key.ts")).toBe(join(copy.directory, FILE));
  expect(resolve("@stele/tablet-server/server.ts")).toBe(
    join(copy.directory, "tablet-server/src/server.ts"),
  );
  expect(resolve("zod")).toContain(join(root, "node_modules"));
});

test("a bug is in the copy while it is tried, and in nothing else", async () => {
  const copy = await scratchCopy();
  const path = join(copy.directory, FILE);
  const original = await readFile(join(root, FILE), "utf8");
  const bug = planted(["Buffer.compare(a, b)", "Buffer.compare(b, a)"], ["latin1", "utf8"]);
  const tried = copy.having(bug, async () => {
    const text = await readFile(path, "utf8");
    expect(text).toContain("Buffer.compare(b, a)");
    expect(text).toContain('toString("utf8")');
    throw new Error("the trial fails");
  });
  await expect(tried).rejects.toThrow("the trial fails");
  expect(await readFile(path, "utf8")).toBe(original);
  expect(await readFile(join(root, FILE), "utf8")).toBe(original);
});

test("a bug of which one edit does not fit is not tried", async () => {
  const copy = await scratchCopy();
  const bug = planted(["Buffer.compare(a, b)", "0"], ["no such text", ""]);
  await expect(copy.having(bug, () => Promise.resolve())).rejects.toThrow(MisfitError);
  expect(await readFile(join(copy.directory, FILE), "utf8")).toContain("Buffer.compare(a, b)");
});
