// `npm run simulate` with runs that come out by their seed (fabricated-run.ts).
import { simulateInThisProcess } from "../simulate-process.adapter.ts";

await simulateInThisProcess(new URL("./fabricated-run.ts", import.meta.url));
