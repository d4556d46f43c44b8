import { describe, expect, test } from "vitest";
import { violationsOf } from "./source-rules.ts";

function messages(path: string, ...lines: readonly string[]): string[] {
  return violationsOf(path, `${lines.join("\n")}\n`).map(({ message }) => message);
}

describe("import order", () => {
  test.each([
    ["shared/src/a.ts", "@stele/master/a.ts", "shared must not import master"],
    ["shared/src/a.ts", "@stele/scripts/a.ts", "shared must not import scripts"],
    ["master/src/a.ts", "@stele/frontend/a.ts", "master must not import frontend"],
    ["tablet-server/src/a.ts", "@stele/master/a.ts", "tablet-server must not import master"],
    ["frontend/src/a.ts", "@stele/tablet-server/a.ts", "frontend must not import tablet-server"],
    ["master/src/a.test.ts", "@stele/scripts/a.ts", "master must not import scripts"],
    ["master/src/a.ts", "../../frontend/src/a.ts", "master must not import frontend"],
    ["master/src/a.ts", "../../shared/src/a.ts", "imports shared by path: use @stele/shared/..."],
    [
      "shared/src/a.ts",
      "@stele/shared/b.ts",
      "imports its own package by name: use a relative path",
    ],
  ])("%s must not import %s", (path, specifier, message) => {
    expect(messages(path, `import { A } from "${specifier}";`)).toEqual([message]);
    expect(messages(path, `import type { A } from "${specifier}";`)).toEqual([message]);
    expect(messages(path, `const a = await import("${specifier}");`)).toEqual([message]);
  });

  test("servers import shared, and scripts import everything", () => {
    expect(messages("master/src/a.ts", `import { A } from "@stele/shared/a.ts";`)).toEqual([]);
    expect(messages("scripts/src/cli/a.ts", `import { A } from "@stele/master/a.ts";`)).toEqual([]);
    expect(messages("shared/src/raft/a.ts", `import { A } from "../b.ts";`)).toEqual([]);
  });
});

describe("determinism", () => {
  const core = [
    "shared/src/a.ts",
    "scripts/src/simulation/a.ts",
    "scripts/src/workloads/a.ts",
    "scripts/src/check/a.ts",
  ];
  const adapters = [
    "shared/src/a.adapter.ts",
    "master/src/main.ts",
    "shared/src/clock.ts",
    "shared/src/random.ts",
    "shared/src/config.ts",
    "shared/src/a.test.ts",
    "scripts/src/launch/a.ts",
    "scripts/src/mutants/a.ts",
  ];
  const banned = [
    `import { readFileSync } from "node:fs";`,
    `import { open } from "node:fs/promises";`,
    `import fs from "fs";`,
    `import { Worker } from "node:worker_threads";`,
    `import { setTimeout } from "node:timers/promises";`,
    `import { env } from "node:process";`,
    `import { randomUUID } from "node:crypto";`,
    `import { createHash, randomBytes as bytes } from "node:crypto";`,
    `import * as crypto from "node:crypto";`,
    `import { performance } from "node:perf_hooks";`,
    `import { crc32, deflate } from "node:zlib";`,
    `import {\n  a,\n  b,\n} from "node:net";`,
    `import "node:http";`,
    `const fs = await import("node:fs");`,
    `export { readFileSync } from "node:fs";\nconst a = 1;`,
  ];

  test.each(banned)("only adapters may say: %s", (line) => {
    for (const path of core) expect(messages(path, line), path).toHaveLength(1);
    for (const path of adapters) expect(messages(path, line), path).toEqual([]);
  });

  test.each([
    `import { createHash } from "node:crypto";`,
    `import { createHistogram } from "node:perf_hooks";`,
    `import type { Stats } from "node:fs";`,
    `import { crc32, gzipSync } from "node:zlib";`,
    `import { fsync } from "./fs-like.ts";`,
  ])("every file may say: %s", (line) => {
    expect(messages("shared/src/a.ts", line)).toEqual([]);
  });
});

describe("edge libraries", () => {
  test.each(["fastify", "undici", "level", "@fastify/static", "classic-level"])(
    "%s stays in adapters and at the HTTP edge",
    (library) => {
      const line = `import { a } from "${library}";`;
      expect(messages("master/src/plan/place.ts", line)).toHaveLength(1);
      for (const path of [
        "frontend/src/rest/rows.ts",
        "master/src/routes/steps.ts",
        "tablet-server/src/server.ts",
        "tablet-server/src/storage/store.adapter.ts",
        "shared/src/rpc/rpc-client.ts",
      ]) {
        expect(messages(path, line), path).toEqual([]);
      }
    },
  );

  test("a library with a similar name is not meant", () => {
    expect(messages("shared/src/a.ts", `import { a } from "levels";`)).toEqual([]);
  });
});

describe("shape of a file", () => {
  test("a file that only re-exports, or re-exports everything, is a barrel", () => {
    const barrel = ["barrel: import from the file itself"];
    expect(messages("shared/src/a.ts", `export { A } from "./b.ts";`)).toEqual(barrel);
    expect(messages("shared/src/a.ts", `export * from "./b.ts";`, "const a = 1;")).toEqual(barrel);
    expect(messages("shared/src/a.ts", `export { A } from "./b.ts";`, "const a = 1;")).toEqual([]);
  });

  test("a file has at most 400 lines, unless it is a test", () => {
    const lines = Array.from({ length: 401 }, () => "");
    expect(messages("shared/src/a.ts", ...lines.slice(1))).toEqual([]);
    expect(messages("shared/src/a.ts", ...lines)).toEqual([
      "401 lines, at most 400: split by idea",
    ]);
    expect(messages("shared/src/a.test.ts", ...lines)).toEqual([]);
  });

  test("notes to do something later are refused", () => {
    for (const word of ["TO" + "DO", "FIX" + "ME", "XX" + "X"]) {
      expect(messages("shared/src/a.ts", `// ${word}: later`)).toHaveLength(1);
    }
  });
});
