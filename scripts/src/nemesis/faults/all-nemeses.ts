import { cut } from "./cut.ts";
import type { FaultKind, Nemesis } from "./fault.ts";
import { flipLog } from "./flip-log.ts";
import { flipStore } from "./flip-store.ts";
import { fullDisk } from "./full-disk.ts";
import { kill } from "./kill.ts";
import { oneWay } from "./one-way.ts";
import { pause } from "./pause.ts";
import { reset } from "./reset.ts";
import { slow } from "./slow.ts";
import { wipe } from "./wipe.ts";

export const NEMESES: Readonly<Record<FaultKind, Nemesis>> = {
  kill,
  pause,
  cut,
  "one-way": oneWay,
  slow,
  reset,
  "full-disk": fullDisk,
  wipe,
  "flip-log": flipLog,
  "flip-store": flipStore,
};
