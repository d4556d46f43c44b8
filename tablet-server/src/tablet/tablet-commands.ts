/**
 * Entries that the server itself proposes to a tablet (a drop, a verification, the end of idempotency
 * records), and who waits for them.
 */
import type { LogIndex, Term } from "@stele/shared/ids.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import { ProposalTracker } from "@stele/shared/replication/proposal-tracker.ts";
import {
  encodeEntry,
  type DropTabletEntry,
  type EntryFate,
  type ForgetIdempotencyEntry,
  type VerifyEntry,
} from "./entry-payload.ts";

/**
 * `outdated`: the tablet changed before the entry came, which therefore had no effect. `unknown`: the leadership
 * ended before the entry's fate was seen here.
 */
export type CommandOutcome =
  | { readonly kind: "applied"; readonly index: LogIndex }
  | { readonly kind: "outdated" }
  | { readonly kind: "not-leader" }
  | { readonly kind: "busy" }
  | { readonly kind: "unknown" };

export class TabletCommands {
  readonly #group: Group;
  readonly #tracker = new ProposalTracker<CommandOutcome>();

  constructor(group: Group) {
    this.#group = group;
  }

  /** Resolves once the entry is applied here, or may never be seen to be. */
  propose(
    entry: DropTabletEntry | ForgetIdempotencyEntry | VerifyEntry,
    term: Term,
  ): Promise<CommandOutcome> {
    const proposed = this.#group.propose(encodeEntry(entry), term);
    if (proposed.kind === "refused") {
      const busy = proposed.reason === "overloaded" || proposed.reason === "transferring";
      return Promise.resolve({ kind: busy ? "busy" : "not-leader" });
    }
    return new Promise((resolve) => {
      this.#tracker.add(proposed.index, proposed.term, {
        done: resolve,
        lost: (applied) => resolve({ kind: applied === "no" ? "not-leader" : "unknown" }),
      });
    });
  }

  applied(index: LogIndex, term: Term, fate: EntryFate): void {
    this.#tracker.applied(index, term, () =>
      fate === "effective" ? { kind: "applied", index } : { kind: "outdated" },
    );
  }

  /** The leadership ended. */
  abandon(): void {
    this.#tracker.abandon();
  }
}
