// The process that crash tests kill: writes numbered batches for ever, with checkpoints, and says on
// standard output what is proven. Arguments: the store's directory.
import { writeSync } from "node:fs";
import { systemClock } from "../../clock.ts";
import { openLevelCheckpointStore } from "../level-checkpoint-store.adapter.ts";
import { batchNumber, isPrefix, readAll } from "./numbered-batches.ts";

const [directory = ""] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);

const store = await openLevelCheckpointStore({
  directory,
  clock: systemClock,
  writeBufferBytes: 256 * 1024,
});
const found = isPrefix(await readAll(store));
if (found.kind === "hole") throw new Error(found.detail);
say(`opened ${found.batches}`);

let checkpoint: Promise<void> | null = null;
try {
  for (let number = found.batches + 1; ; number++) {
    await store.write(batchNumber(number));
    checkpoint ??= store.checkpoint().then(() => {
      checkpoint = null;
      say(`proven ${number}`);
    });
  }
} catch (error) {
  say(`failed ${error instanceof Error ? error.name : String(error)}`);
  process.exit(1);
}
