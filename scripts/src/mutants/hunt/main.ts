// Runs inside a scratch copy: hunt/main.ts FROM SEEDS. Ends after the first seed that shows the bug.
import { runSeed } from "../../simulation/run.ts";
import type { HuntLine } from "./hunt-line.ts";

const [from, seeds] = process.argv.slice(2).map(Number) as [number, number];

for (let seed = from; seed < from + seeds; seed++) {
  const { violation } = await runSeed({ seed, faults: null, trace: null });
  const line: HuntLine = { seed, violation };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  if (violation !== null) break;
}
