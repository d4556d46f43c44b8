// House rules that the linter cannot express per folder. Pure: path and text in, violations out.
//
// 1. Import order: shared < {master, tablet-server, frontend} < scripts.
// 2. Determinism: modules that bring time, chance, disk, network or threads only in adapters.
// 3. Edge libraries (fastify, undici, level) only in adapters and at the HTTP edge.
// 4. No barrels, no file over 400 lines, no notes to do something later.
// The linter's configuration has the globals of rule 2 (Date, setTimeout, Math.random, ...), with the same list of
// adapters, and that no function is over 70 lines.
import { posix } from "node:path";
import { importsOf } from "./imports-of.ts";
import type { Import } from "./imports-of.ts";

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const LINES_MAX = 400;

const allowedPackages: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  master: ["shared"],
  "tablet-server": ["shared"],
  frontend: ["shared"],
  scripts: ["shared", "master", "tablet-server", "frontend"],
};

/** Files that touch the real world. Same list as in .oxlintrc.json; what a simulated run is made of is not in it. */
const adapterFiles = [
  /(^|\/)main\.ts$/,
  /\.adapter\.ts$/,
  /\.(test|bench)\.ts$/,
  /(^|\/)(clock|random|config)\.ts$/,
  /^scripts\/(bin|src\/(bench|cli|end-to-end|launch|mutants|nemesis|toolchain))\//,
];

const edgeFiles = [
  ...adapterFiles,
  /(^|\/)server\.ts$/,
  /^frontend\/src\/rest\//,
  /\/routes\//,
  /^shared\/src\/rpc\//,
];

const adapterModules =
  /^(node:)?(fs|worker_threads|child_process|cluster|net|tls|http|https|http2|dgram|dns|os|process|timers|readline)(\/|$)/;

/** Modules of which only some names are free of time and chance. */
const partlyAdapterModules: readonly { module: RegExp; banned: RegExp }[] = [
  { module: /^(node:)?crypto$/, banned: /^(random|generate|webcrypto|getRandomValues|default|\*)/ },
  { module: /^(node:)?perf_hooks$/, banned: /^(?!createHistogram$)/ },
  // Whatever is not done at once is done by threads.
  { module: /^(node:)?zlib$/, banned: /^(?!crc32$|constants$|\w+Sync$)/ },
];

const edgeLibraries = /^(fastify|undici|level|@fastify\/.+|[a-z]+-level)(\/|$)/;

/** Spelled so that this file does not violate its own rule. */
const laterNote = /\b(?:TO[D]O|FIX[M]E|XX[X])\b/;

/** @param path relative to the checkout, with forward slashes */
export function violationsOf(path: string, text: string): Violation[] {
  const imports = importsOf(text);
  return [
    ...imports.flatMap((item) => violationOfImport(path, item)),
    ...barrelViolations(path, text, imports),
    ...lineViolations(path, text),
  ].sort((a, b) => a.line - b.line);
}

function violationOfImport(path: string, item: Import): Violation[] {
  const message =
    packageOrderMessage(path, item) ?? adapterMessage(path, item) ?? edgeMessage(path, item);
  return message === undefined ? [] : [{ path, line: item.line, message }];
}

function packageOrderMessage(path: string, { specifier }: Import): string | undefined {
  const own = packageOf(path);
  const target = targetPackage(path, specifier);
  if (target === undefined || !(own in allowedPackages)) return undefined;
  const isRelative = specifier.startsWith(".");
  if (target === own) {
    return isRelative ? undefined : `imports its own package by name: use a relative path`;
  }
  if (!allowedPackages[own]?.includes(target)) return `${own} must not import ${target}`;
  return isRelative ? `imports ${target} by path: use @stele/${target}/...` : undefined;
}

function targetPackage(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("@stele/")) return specifier.split("/")[1];
  if (!specifier.startsWith(".")) return undefined;
  return packageOf(posix.join(posix.dirname(path), specifier));
}

function packageOf(path: string): string {
  return path.split("/")[0] ?? "";
}

function adapterMessage(path: string, item: Import): string | undefined {
  if (isOneOf(adapterFiles, path) || item.kind === "type-import") return undefined;
  const { specifier, names } = item;
  if (adapterModules.test(specifier)) {
    return `"${specifier}" belongs in an adapter: take it by constructor`;
  }
  const partly = partlyAdapterModules.find(({ module }) => module.test(specifier));
  const banned = names.filter((name) => partly?.banned.test(name));
  if (banned.length === 0) return undefined;
  return `${banned.join(", ")} of "${specifier}" belongs in an adapter: take it by constructor`;
}

function edgeMessage(path: string, { specifier }: Import): string | undefined {
  if (!edgeLibraries.test(specifier) || isOneOf(edgeFiles, path)) return undefined;
  return `"${specifier}" belongs in an adapter or at the HTTP edge`;
}

function barrelViolations(path: string, text: string, imports: readonly Import[]): Violation[] {
  const reExports = imports.filter(({ kind }) => kind === "re-export");
  const first = reExports[0];
  if (first === undefined) return [];
  const star = reExports.find(({ names }) => names.includes("*"));
  const isBarrel = star !== undefined || statementCount(text) === imports.length;
  if (!isBarrel) return [];
  return [{ path, line: (star ?? first).line, message: "barrel: import from the file itself" }];
}

/** Statements of the top level begin at the start of a line with a word. */
function statementCount(text: string): number {
  return text.match(/^[a-z]/gm)?.length ?? 0;
}

function lineViolations(path: string, text: string): Violation[] {
  const violations: Violation[] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (laterNote.test(line)) {
      violations.push({
        path,
        line: index + 1,
        message: "note to do later: do it or leave it out",
      });
    }
  }
  const lineCount = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  if (lineCount > LINES_MAX && !path.endsWith(".test.ts")) {
    const message = `${lineCount} lines, at most ${LINES_MAX}: split by idea`;
    violations.push({ path, line: LINES_MAX + 1, message });
  }
  return violations;
}

function isOneOf(patterns: readonly RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path));
}
