// Checks every source file against source-rules.ts and import-cycles.ts. Exit code 1 if one breaks a rule.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./command.ts";
import { importCycles } from "./import-cycles.ts";
import { violationsOf } from "./source-rules.ts";

const sources = [
  "{shared,master,tablet-server,frontend,scripts}/src/**/*.{ts,mts,js,mjs}",
  "scripts/bin/*.mjs",
];

const paths = globSync(sources, { cwd: root }).map((path) => path.replaceAll("\\", "/"));
const texts = paths.toSorted().map((path) => {
  return { path, text: readFileSync(join(root, path), "utf8") };
});
const violations = [
  ...texts.flatMap(({ path, text }) => violationsOf(path, text)),
  ...importCycles(texts),
];

for (const { path, line, message } of violations) console.log(`${path}:${line}: ${message}`);
console.log(`${paths.length} files, ${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;
