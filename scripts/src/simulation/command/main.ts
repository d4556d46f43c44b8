// `npm run simulate`: the whole cluster by seed (docs/TESTING.md).
import { RUN_MODULE } from "./run-seeds.adapter.ts";
import { simulateInThisProcess } from "./simulate-process.adapter.ts";

await simulateInThisProcess(RUN_MODULE);
