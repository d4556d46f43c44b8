// Proves that the linter's configuration catches what it is meant to catch, in a checkout of its own.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { root, tool } from "./command.ts";

let checkout: string;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "stele-lint-"));
  for (const file of [".oxlintrc.json", "tsconfig.json"]) {
    copyFileSync(join(root, file), join(checkout, file));
  }
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
});

afterEach(() => rmSync(checkout, { recursive: true, force: true }));

interface LintReport {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
}

/** Rules broken by each file, without their plugin names. */
function lint(files: Readonly<Record<string, string>>): Record<string, string[]> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text);
  }
  const args = [join(root, tool.lint), "--format=json", ...Object.keys(files)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: checkout, encoding: "utf8" });
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as LintReport;
  const broken: Record<string, string[]> = {};
  for (const { code, filename } of report.diagnostics) {
    (broken[filename] ??= []).push(code.replace(/^.*\((.*)\)$/, "$1"));
  }
  return broken;
}

const nondeterminism = [
  "export const a = Date.now();",
  "export const b = new Date();",
  "export const c = Math.random();",
  "export const d = performance.now();",
  "export const e = process.env;",
  "export const f = process.hrtime();",
  "export const g = setTimeout(String, 1);",
  "export const h = setInterval(String, 1);",
  "export const i = setImmediate(String);",
  "export const j = globalThis;",
  "export const k = AbortSignal.timeout(1);",
  "export const l = new WeakRef({});",
  "export const m = new FinalizationRegistry(String);",
  "export const n = process.memoryUsage();",
  "export const o = process.uptime();",
].join("\n");

test("time, chance and the environment are banned outside adapters", () => {
  const adapters = ["shared/src/a.adapter.ts", "shared/src/clock.ts", "scripts/src/launch/a.ts"];
  const cores = [
    "shared/src/a.ts",
    "master/src/plan/a.ts",
    "scripts/src/simulation/a.ts",
    "scripts/src/workloads/a.ts",
    "scripts/src/check/a.ts",
  ];
  const files = Object.fromEntries([...adapters, ...cores].map((path) => [path, nondeterminism]));
  const broken = lint(files);
  expect(Object.keys(broken).toSorted()).toEqual(cores.toSorted());
  for (const path of cores) expect(broken[path], path).toHaveLength(15);
});

test("a Date in a type and a local variable with a banned name are fine", () => {
  const text = "export function f(at: Date, performance: number): [Date, number] {\n";
  expect(lint({ "shared/src/a.ts": `${text}  return [at, performance];\n}\n` })).toEqual({});
});

test.each([
  ["no-explicit-any", "export const a: any = 1;"],
  ["no-floating-promises", "async function f(): Promise<void> {}\nf();"],
  ["no-misused-promises", "export const a = [1].forEach(async () => {});"],
  ["no-default-export", "export default 1;"],
  ["no-namespace", "export namespace A {\n  export const b = 1;\n}"],
  ["no-unused-vars", "const a = 1;"],
  ["no-console", "console.log(1);"],
  ["only-throw-error", "throw 1;"],
  ["consistent-type-imports", 'import { A } from "./b.ts";\nexport type B = A;'],
  [
    "switch-exhaustiveness-check",
    'export function f(a: "x" | "y") {\n switch (a) { case "x": return 1; }\n}',
  ],
])("%s", (rule, text) => {
  const broken = lint({ "shared/src/a.ts": text, "shared/src/b.ts": "export type A = 1;" });
  expect(broken["shared/src/a.ts"]).toContain(rule);
});

test("a function has at most 70 lines, unless it is in a test", () => {
  const text = (lines: number): string =>
    `export function f(): void {\n${"  String(1);\n".repeat(lines - 2)}}\n`;
  const broken = lint({
    "shared/src/a.ts": text(71),
    "shared/src/b.ts": text(70),
    "shared/src/a.test.ts": text(71),
  });
  expect(broken).toEqual({ "shared/src/a.ts": ["max-lines-per-function"] });
});

test("files that import each other in a circle are refused", () => {
  const broken = lint({
    "shared/src/a.ts": 'import { b } from "./b.ts";\nexport const a = (): number => b();',
    "shared/src/b.ts": 'import { a } from "./a.ts";\nexport const b = (): number => a();',
  });
  expect(broken["shared/src/a.ts"]).toContain("no-cycle");
});

test("scripts may print", () => {
  expect(lint({ "scripts/src/cli/a.ts": "console.log(1);" })).toEqual({});
});
