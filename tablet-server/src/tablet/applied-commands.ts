/** What applying a batch of committed commands leaves to write, to remember and to answer. */
import { must } from "@stele/shared/assert.ts";
import type { StoreOperation } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex, Term } from "@stele/shared/ids.ts";
import type { CommittedCommand } from "@stele/shared/replication/state-machine.ts";
import type { EntryFate } from "./entry-payload.ts";
import type { TabletState } from "./tablet-state.ts";

export interface AppliedCommand {
  readonly index: LogIndex;
  readonly term: Term;
  readonly fate: EntryFate;
}

export interface AppliedCommands {
  readonly operations: readonly StoreOperation[];
  readonly state: TabletState;
  /** The first of the commands given, one at least. */
  readonly commands: readonly AppliedCommand[];
  /** The entry that ended the batch, if one did (apply-commands.ts, Q3). */
  readonly verify: { readonly index: LogIndex; readonly verifyId: number } | null;
}

/** The entry at which a batch stops before its last command; undefined: it covers all. */
export function stoppedAt(
  applied: AppliedCommands,
  commands: readonly CommittedCommand[],
): LogIndex | undefined {
  const last = must(applied.commands.at(-1), "an applied command").index;
  return last === commands.at(-1)?.index ? undefined : last;
}
