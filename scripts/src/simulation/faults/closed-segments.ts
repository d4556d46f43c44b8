/** The segments of a log in which damage is damage: behind them, nobody could tell it from a torn tail. */
import { segmentOfName } from "@stele/shared/commit-log/log-format.ts";
import type { SimulatedProcess } from "../cluster/simulated-process.ts";

/** The names of all segments but the last, in order. */
export function closedSegments({ disks }: SimulatedProcess): readonly string[] {
  if (disks === null) return [];
  const segments = disks.log.fileNames().filter((name) => segmentOfName(name) !== null);
  return segments.slice(0, -1);
}
