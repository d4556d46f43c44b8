// `npm run simulate`: the whole cluster by seed (docs/TESTING.md).
import { availableParallelism } from "node:os";
import { RUN_MODULE } from "./run-seeds.adapter.ts";
import { simulate } from "./simulate.adapter.ts";

process.exitCode = await simulate(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  cores: availableParallelism(),
  runModule: RUN_MODULE,
});
