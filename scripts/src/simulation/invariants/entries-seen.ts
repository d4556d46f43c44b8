/**
 * Log matching (Raft paper, section 5.3): index and term name one entry, everywhere and for ever, and with it the
 * entry before. Gathers every entry of one group that is sent or written.
 */
import type { ReplicaId, Term } from "@stele/shared/ids.ts";
import type { EntryKind } from "@stele/shared/raft/messages.ts";
import type { Report } from "./report.ts";

export interface SeenEntry {
  readonly term: Term;
  kind: EntryKind | null;
  /** Null: only its place is known. */
  payload: Buffer | null;
  /** Null: not known. */
  previousTerm: Term | null;
  /** Replicas that ever had it on disk. */
  readonly durableOn: ReplicaId[];
  /** Of another term at the same index. */
  readonly next: SeenEntry | null;
}

export interface EntrySight {
  readonly index: number;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly payload: Buffer;
  /** Null: not known. */
  readonly previousTerm: Term | null;
}

export class EntriesSeen {
  /** By index. */
  readonly #entries: (SeenEntry | undefined)[] = [];
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  find(index: number, term: Term): SeenEntry | null {
    let entry = this.#entries[index] ?? null;
    while (entry !== null && entry.term !== term) entry = entry.next;
    return entry;
  }

  /** The entry, of which perhaps nothing but its place is known. */
  at(index: number, term: Term): SeenEntry {
    const known = this.find(index, term);
    if (known !== null) return known;
    const next = this.#entries[index] ?? null;
    const entry: SeenEntry = {
      term,
      kind: null,
      payload: null,
      previousTerm: null,
      durableOn: [],
      next,
    };
    // Without holes in the array, so that it stays one.
    while (this.#entries.length < index) this.#entries.push(undefined);
    this.#entries[index] = entry;
    return entry;
  }

  /** `where` says who sent or wrote it. The payload's bytes are kept: nobody may change them later. */
  see({ index, term, kind, payload, previousTerm }: EntrySight, where: () => string): SeenEntry {
    const entry = this.at(index, term);
    if (entry.kind === null || entry.payload === null) {
      entry.kind = kind;
      entry.payload = payload;
    } else if (entry.kind !== kind || !isSame(entry.payload, payload)) {
      this.#report(
        `entry ${index} of term ${term} is ${kind} ${brief(payload)} as ${where()}, ` +
          `and was ${entry.kind} ${brief(entry.payload)} before`,
      );
    }
    if (entry.previousTerm === null) entry.previousTerm = previousTerm;
    else if (previousTerm !== null && entry.previousTerm !== previousTerm) {
      this.#report(
        `entry ${index} of term ${term} follows one of term ${previousTerm} as ${where()}, ` +
          `and followed one of term ${entry.previousTerm} before`,
      );
    }
    return entry;
  }
}

function isSame(left: Buffer, right: Buffer): boolean {
  return left === right || left.equals(right);
}

function brief(payload: Buffer): string {
  return `${payload.length} bytes ${payload.toString("hex", 0, 12)}`;
}
