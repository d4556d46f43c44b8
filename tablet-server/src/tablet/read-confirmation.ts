/**
 * Outcomes that a leader read from its applied rows, on their way out: they are given once the leadership at some
 * moment after the reading is certain. All of one turn share one check (Raft dissertation, section 6.4).
 */
import type { Group } from "@stele/shared/replication/group.ts";

export interface ReadOutcome {
  readonly confirmed: () => void;
  readonly refused: () => void;
}

export class ReadConfirmation {
  readonly #group: Group;
  #read: ReadOutcome[] = [];

  constructor(group: Group) {
    this.#group = group;
  }

  add(outcome: ReadOutcome): void {
    this.#read.push(outcome);
  }

  /** The turn that read them ends. */
  confirm(): void {
    const read = this.#read;
    if (read.length === 0) return;
    this.#read = [];
    if (this.#group.holdsLease()) {
      for (const { confirmed } of read) confirmed();
      return;
    }
    void this.#group.readBarrier().then((outcome) => {
      for (const { confirmed, refused } of read) {
        if (outcome === "ready") confirmed();
        else refused();
      }
    });
  }
}
