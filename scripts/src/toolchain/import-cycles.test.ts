import { expect, test } from "vitest";
import { importCycles } from "./import-cycles.ts";

/** By path: what the file imports. */
function cycles(imports: Readonly<Record<string, readonly string[]>>): string[] {
  const sources = Object.entries(imports).map(([path, specifiers]) => {
    const text = specifiers.map((each) => `import type { A } from "${each}";\n`).join("");
    return { path, text };
  });
  return importCycles(sources).map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

test("files that need each other are told, each at the import that leads back", () => {
  const found = cycles({
    "shared/src/a.ts": ["./other.ts", "./b.ts"],
    "shared/src/b.ts": ["./c.ts"],
    "shared/src/c.ts": ["./a.ts"],
    "shared/src/d.ts": ["./a.ts"],
  });
  expect(found).toEqual([
    "shared/src/a.ts:2: shared/src/b.ts needs this file: an import cycle",
    "shared/src/b.ts:1: shared/src/c.ts needs this file: an import cycle",
    "shared/src/c.ts:1: shared/src/a.ts needs this file: an import cycle",
  ]);
});

test("folders that need each other are told, though no two of their files do", () => {
  const found = cycles({
    "shared/src/wire/message.ts": ["../rpc/route.ts"],
    "shared/src/rpc/route.ts": [],
    "shared/src/rpc/client.ts": ["../wire/error.ts"],
    "shared/src/wire/error.ts": [],
  });
  const wire = "shared/src/wire";
  const rpc = "shared/src/rpc";
  expect(found).toEqual([
    `${wire}/message.ts:1: folder ${rpc} needs folder ${wire}: an import cycle`,
    `${rpc}/client.ts:1: folder ${wire} needs folder ${rpc}: an import cycle`,
  ]);
});

test("a folder and those within it may need each other, and tests anything", () => {
  const found = cycles({
    "master/src/a.ts": ["./plan/b.ts"],
    "master/src/plan/b.ts": ["../c.ts"],
    "master/src/c.ts": [],
    "master/src/catalog/d.ts": ["../plan/b.ts"],
    "master/src/plan/b.test.ts": ["../catalog/d.ts"],
    "master/src/plan/testing/e.ts": ["../../catalog/d.ts"],
  });
  expect(found).toEqual([]);
});
