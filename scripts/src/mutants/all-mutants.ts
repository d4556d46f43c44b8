/** Every planted bug, and the numbers of the list that have none. */
import type { Mutant } from "./mutant.ts";
import { commitLogMutants } from "./planted/commit-log.ts";
import { frontendMutants } from "./planted/frontends.ts";
import { masterMutants } from "./planted/masters.ts";
import { raftMutants } from "./planted/raft.ts";
import { replicationMutants } from "./planted/replication.ts";
import { tabletMutants } from "./planted/tablets.ts";

/** In the order of their numbers; those without one last. */
export const allMutants: readonly Mutant[] = [
  ...raftMutants,
  ...replicationMutants,
  ...commitLogMutants,
  ...tabletMutants,
  ...masterMutants,
  ...frontendMutants,
].sort((a, b) => (a.number ?? Infinity) - (b.number ?? Infinity) || 0);

/** The list has so many numbers, from 1 on. */
export const LISTED_BUGS = 25;

/** Numbers without a mutant, and why. */
export const notPlanted: ReadonlyMap<number, string> = new Map([
  [
    9,
    "No own-term commit before a config change: does no harm here, since every change of voters passes through a " +
      "joint config. The rule is kept, and pinned by no-change-before-own-commit.txt.",
  ],
  [16, "A write accepted by the parent after the split entry: tablets are not split yet."],
  [17, "A child without its copy of the retry results: tablets are not split yet."],
  [18, "A merge with a lagging right side: tablets are not merged yet."],
  [
    22,
    "Steps of a deposed master are taken: does no harm here. A step names the replica, or the generation and config " +
      "index, that it was planned for, and its grounds are committed, so a late one is the same whoever gave it. The " +
      "rule is kept, and pinned by step-execution.test.ts and heartbeat.test.ts.",
  ],
  [25, "A quiesced leader serves a lease read: no host lets its groups sleep yet."],
]);

/** Whose number is `wanted`, or whose name contains it. */
export function mutantsNamed(wanted: string): readonly Mutant[] {
  const words = wanted.toLowerCase();
  return allMutants.filter(
    ({ name, number }) => String(number) === wanted || name.toLowerCase().includes(words),
  );
}
