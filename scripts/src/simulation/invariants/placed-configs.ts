/** Whether the config that somebody names for a place in the log is the one that the entries say. */
import type { LogIndex, Term } from "@stele/shared/ids.ts";
import { decodeGroupConfig } from "@stele/shared/raft/group-config-codec.ts";
import { sameMembers, type GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { LogPosition, PlacedConfig } from "@stele/shared/replication/replica-records.ts";
import type { EntriesSeen, SeenEntry } from "./entries-seen.ts";
import { votersText } from "./majorities.ts";

/** Configs that a replica has in force somewhere in its log. */
export function problemOfConfigs(
  configs: readonly PlacedConfig[],
  entries: EntriesSeen,
  termOf: (index: LogIndex) => Term | undefined,
): string | null {
  for (const placed of configs) {
    const problem = problemOfConfig(placed, entries, termOf(placed.index));
    if (problem !== null) return problem;
  }
  return null;
}

/** The config that a state at `at` comes with: the last one up to there. */
export function problemOfStateConfig(
  at: LogPosition,
  placed: PlacedConfig,
  entries: EntriesSeen,
): string | null {
  let { index, term }: { index: number; term: Term | null } = at;
  for (; index > placed.index; index--) {
    const entry: SeenEntry | null = term === null ? null : entries.find(index, term);
    if (entry === null) return null;
    if (entry.kind === "config") {
      return `a state at ${at.index} comes with the config of ${placed.index}, not of ${index}`;
    }
    term = entry.previousTerm;
  }
  return problemOfConfig(placed, entries, term);
}

function problemOfConfig(
  { index, config }: PlacedConfig,
  entries: EntriesSeen,
  term: Term | null | undefined,
): string | null {
  const entry = term === undefined || term === null ? null : entries.find(index, term);
  if (entry === null || entry.kind !== "config" || entry.payload === null) return null;
  const written = decodeGroupConfig(entry.payload);
  if (isSame(config, written)) return null;
  return `the config of ${index} is ${votersText(config)}, and was ${votersText(written)}`;
}

function isSame(left: GroupConfig, right: GroupConfig): boolean {
  return (
    sameMembers(left.voters, right.voters) &&
    sameMembers(left.outgoing, right.outgoing) &&
    sameMembers(left.learners, right.learners)
  );
}
