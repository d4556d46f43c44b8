/**
 * What all replicas of one group agree on, gathered from whoever applies it first.
 *
 * H1. The command and the term at an index are the same on every replica and in every replay (State Machine Safety).
 * H2. Within a replica's life commands are applied in order, and none is left out.
 * H3. Whoever leads a term has everything in its log that was committed before (Leader Completeness).
 */
import type { LogIndex, ReplicaId, Term } from "@stele/shared/ids.ts";
import type { CommittedCommand } from "@stele/shared/replication/state-machine.ts";
import type { Report } from "./report.ts";

interface AppliedCommand {
  readonly term: Term;
  readonly payload: Buffer;
  readonly by: ReplicaId;
}

/** The log of a replica that leads. */
export interface LeaderLog {
  readonly lastIndex: LogIndex;
  /** Undefined beyond the last entry or below the truncated one. */
  termOf(index: LogIndex): Term | undefined;
}

export class AppliedSequence {
  readonly #report: Report;
  /** By index. */
  readonly #commands: (AppliedCommand | undefined)[] = [];
  /** By the term that a replica was in while it applied: the highest index that any did. */
  readonly #highestByTerm = new Map<Term, LogIndex>();

  constructor(report: Report) {
    this.#report = report;
  }

  get highest(): LogIndex {
    return Math.max(0, this.#commands.length - 1) as LogIndex;
  }

  /** H1, H2. `after` is what the replica applied last. True: nobody applied it before. */
  applies(by: ReplicaId, after: LogIndex, command: CommittedCommand): boolean {
    const { index, term, payload } = command;
    this.#checkGap(by, after, index);
    const known = this.#commands[index];
    if (known !== undefined) {
      const isSame = known.payload === payload || known.payload.equals(payload);
      if (known.term !== term || !isSame) {
        this.#report(
          `replica ${by} applies ${payload.length} bytes of term ${term} at index ${index}, where ` +
            `replica ${known.by} applied ${known.payload.length} bytes of term ${known.term}`,
        );
      }
      return false;
    }
    if (index <= this.highest) {
      this.#report(
        `replica ${by} applies a command at index ${index}, which another passed without one`,
      );
    }
    while (this.#commands.length < index) this.#commands.push(undefined);
    this.#commands[index] = { term, payload, by };
    return true;
  }

  /** A replica in `term` has applied up to `index`: that was committed in this term or before. */
  reached(index: LogIndex, term: Term): void {
    if ((this.#highestByTerm.get(term) ?? 0) < index) this.#highestByTerm.set(term, index);
  }

  /** A snapshot puts a replica's state to that place. */
  restores(by: ReplicaId, index: LogIndex, term: Term): void {
    const known = this.#commands[index];
    if (known === undefined || known.term === term) return;
    this.#report(
      `replica ${by} takes in a snapshot at index ${index} of term ${term}, where ` +
        `replica ${known.by} applied one of term ${known.term}`,
    );
  }

  /** H3. */
  leads(replica: ReplicaId, term: Term, log: LeaderLog): void {
    let needed = 0 as LogIndex;
    for (const [at, index] of this.#highestByTerm) {
      if (at <= term && index > needed) needed = index;
    }
    if (needed === 0) return;
    const command = this.#commands[needed];
    if (log.lastIndex < needed) {
      this.#report(
        `replica ${replica} leads term ${term} with a log that ends at ${log.lastIndex}; ` +
          `index ${needed} was applied by replica ${command?.by}`,
      );
      return;
    }
    const own = log.termOf(needed);
    if (own === undefined || command === undefined || own === command.term) return;
    this.#report(
      `replica ${replica} leads term ${term} with an entry of term ${own} at index ${needed}, ` +
        `where replica ${command.by} applied one of term ${command.term}`,
    );
  }

  #checkGap(by: ReplicaId, after: LogIndex, index: LogIndex): void {
    if (index <= after) {
      this.#report(`replica ${by} applies index ${index} again, having applied ${after}`);
    }
    for (let between = after + 1; between < index; between++) {
      if (this.#commands[between] === undefined) continue;
      this.#report(`replica ${by} goes from index ${after} to ${index}, past command ${between}`);
      return;
    }
  }
}
