#!/usr/bin/env node
// The `stele` command of a checkout. Plain JavaScript: it also runs on Node 20, before any install.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "./install.mjs";
import { runWithNode24 } from "./run-node.mjs";
import { SetupError } from "./setup-error.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

try {
  await ensureInstalled(root);
  await runWithNode24(root, "scripts/src/cli/main.ts", process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`stele: ${error.message}`);
  process.exitCode = 1;
}
