// What the npm scripts call: installs if needed, then runs the named task with Node 24.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "./install.mjs";
import { runWithNode24 } from "./run-node.mjs";
import { SetupError } from "./setup-error.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const [task, ...args] = process.argv.slice(2);

try {
  await ensureInstalled(root);
  if (task === "start") {
    await runWithNode24(root, "scripts/src/cli/main.ts", ["start", ...args]);
  } else if (task === "cities") {
    await runWithNode24(root, "scripts/src/demo/cities.ts", args);
  } else if (task === "mutants") {
    await runWithNode24(root, "scripts/src/mutants/main.ts", args);
  } else if (task === "simulate") {
    await runWithNode24(root, "scripts/src/simulation/command/main.ts", args);
  } else if (task === "nemesis") {
    await runWithNode24(root, "scripts/src/nemesis/main.ts", args);
  } else {
    await runWithNode24(root, "scripts/src/toolchain/main.ts", [task, ...args]);
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`stele: ${error.message}`);
  process.exitCode = 1;
}
