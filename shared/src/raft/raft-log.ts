/**
 * A replica's log without its payloads: term, kind and size of every entry behind the truncated
 * one, and how far the log is durable, committed, handed out and applied. Only entries that are not
 * yet durable keep their payload.
 *
 * G1. truncated <= applied <= emitted <= commit <= last, and emitted <= stable <= last.
 * G2. Terms never fall along the log.
 * G3. The commit index never falls; no entry at or below it is ever replaced.
 * G4. "Stable up to i" is said of the entries that were handed out: an entry that replaced one of
 *     them meanwhile is not stable, whatever write completes (the A-B-A of asynchronous appends).
 */
import { assert, must } from "../assert.ts";
import { logIndex } from "../ids.ts";
import type { LogIndex, Term } from "../ids.ts";
import type { Entry, EntryKind } from "./messages.ts";
import { TermRuns } from "./term-runs.ts";

/** One entry without its payload. */
export interface EntryInfo {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Bytes of the payload. */
  readonly size: number;
}

export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Stored in memory only: a slot is size * 4 + the place in this list. */
const KINDS: readonly EntryKind[] = ["empty", "config", "command"];

export class RaftLog {
  #truncated: LogPosition;
  #terms: TermRuns;
  /** `#slots[#head]` describes the entry right behind the truncated one. */
  #slots: number[] = [];
  #head = 0;
  #commit: number;
  #emitted: number;
  #applied: number;
  #stable: number;
  /** The last index of the write that is under way and has not been replaced since; else null. */
  #handed: number | null = null;
  /** Exactly the entries behind `#stable`. */
  #unstable: Entry[] = [];

  constructor(
    truncated: LogPosition,
    durable: readonly EntryInfo[],
    commit: number,
    applied: number,
  ) {
    this.#truncated = truncated;
    this.#terms = new TermRuns(truncated.index, truncated.term);
    for (const entry of durable) this.#push(entry.index, entry.term, entry.kind, entry.size);
    this.#commit = commit;
    this.#emitted = applied;
    this.#applied = applied;
    this.#stable = this.lastIndex;
    this.checkInvariants();
  }

  /** The last entry that is compacted away; (0, 0) before the first. */
  get truncated(): LogPosition {
    return this.#truncated;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.#truncated.index + this.#slots.length - this.#head);
  }

  get lastTerm(): Term {
    return this.#terms.lastTerm;
  }

  get commit(): LogIndex {
    return logIndex(this.#commit);
  }

  /** The last entry that was handed out to apply. */
  get emitted(): LogIndex {
    return logIndex(this.#emitted);
  }

  get applied(): LogIndex {
    return logIndex(this.#applied);
  }

  get stable(): LogIndex {
    return logIndex(this.#stable);
  }

  /** The term at `index`; undefined beyond the last entry or below the truncated one. */
  termAt(index: number): Term | undefined {
    if (index < this.#truncated.index || index > this.lastIndex) return undefined;
    return this.#terms.at(index);
  }

  infoAt(index: number): EntryInfo | undefined {
    if (index <= this.#truncated.index || index > this.lastIndex) return undefined;
    const slot = this.#slotAt(index);
    return {
      index: logIndex(index),
      term: this.#terms.at(index),
      kind: must(KINDS[slot % 4], `no such kind: ${slot}`),
      size: Math.floor(slot / 4),
    };
  }

  /** Whether an entry here has this index and term, so that both logs agree up to it. */
  matches(index: number, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** Whether a log that ends there may lead this replica (Raft paper, section 5.4.1). */
  isUpToDate(lastTerm: Term, lastIndex: LogIndex): boolean {
    if (lastTerm !== this.lastTerm) return lastTerm > this.lastTerm;
    return lastIndex >= this.lastIndex;
  }

  /**
   * The highest index at or below `index` whose term is at or below `term`: the last place where a
   * log whose entry at `index` has `term` may agree with this one. Just below the truncated index
   * if that is compacted away.
   */
  lastPossibleMatch(index: number, term: Term): LogIndex {
    const from = Math.min(index, this.lastIndex);
    if (from < this.#truncated.index) return logIndex(from);
    return logIndex(this.#terms.lastNotAbove(from, term) ?? Math.max(this.#truncated.index - 1, 0));
  }

  /** Bytes of the payloads from `first` to `last`, inclusive. */
  bytesBetween(first: number, last: number): number {
    let bytes = 0;
    for (let index = first; index <= last; index++) bytes += Math.floor(this.#slotAt(index) / 4);
    return bytes;
  }

  /** The last index such that the payloads from `first` to it take at most `bytes`; may be `first` - 1. */
  lastWithin(first: number, bytes: number): LogIndex {
    let left = bytes;
    let index = first;
    for (; index <= this.lastIndex; index++) {
      left -= Math.floor(this.#slotAt(index) / 4);
      if (left < 0) break;
    }
    return logIndex(index - 1);
  }

  /** Appends consecutive entries right behind the last one. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#push(entry.index, entry.term, entry.kind, entry.payload.length);
      this.#unstable.push(entry);
    }
  }

  /** Drops the entries at or above `index`, none of them committed. */
  truncateFrom(index: number): void {
    assert(index > this.#commit, () => `G3: truncation from ${index}, commit ${this.#commit}`);
    if (index > this.lastIndex) return;
    this.#slots.length = this.#head + (index - this.#truncated.index - 1);
    this.#terms.truncateFrom(index);
    this.#unstable.length = Math.max(0, index - this.#stable - 1);
    this.#stable = Math.min(this.#stable, index - 1);
    if (this.#handed !== null) this.#handed = Math.min(this.#handed, index - 1);
  }

  /** A snapshot of committed state replaces everything. */
  resetTo(position: LogPosition): void {
    assert(position.index > this.#commit, () => `G3: snapshot at ${position.index} is behind`);
    this.#truncated = position;
    this.#terms = new TermRuns(position.index, position.term);
    this.#slots = [];
    this.#head = 0;
    this.#commit = position.index;
    this.#emitted = position.index;
    this.#applied = position.index;
    this.#stable = position.index;
    this.#handed = null;
    this.#unstable = [];
  }

  /** Forgets the entries up to `index`, which are applied. */
  compactTo(index: number): void {
    if (index <= this.#truncated.index) return;
    assert(index <= this.#applied, () => `G1: compaction to ${index}, applied ${this.#applied}`);
    this.#terms.compactTo(index);
    this.#head += index - this.#truncated.index;
    this.#truncated = { index: logIndex(index), term: this.#terms.at(index) };
    // Moving the rest costs no more than what the head has passed since the last move.
    if (this.#head * 2 >= this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Returns whether the commit index moved; an index at or below it changes nothing. */
  commitTo(index: number): boolean {
    if (index <= this.#commit) return false;
    assert(index <= this.lastIndex, () => `G1: commit ${index} beyond last ${this.lastIndex}`);
    this.#commit = index;
    return true;
  }

  /** The host applied everything up to `index`; it may be behind a snapshot that came meanwhile. */
  appliedTo(index: number): void {
    assert(index <= this.#emitted, () => `G1: applied ${index}, emitted ${this.#emitted}`);
    this.#applied = Math.max(this.#applied, index);
  }

  hasUnstable(): boolean {
    return this.#unstable.length > 0;
  }

  /** The entries to write now. `settleWrite` says that they are durable. */
  beginWrite(): readonly Entry[] {
    assert(this.#handed === null, "R3: a write is under way");
    if (this.#unstable.length > 0) this.#handed = this.lastIndex;
    return [...this.#unstable];
  }

  settleWrite(): void {
    if (this.#handed !== null && this.#handed > this.#stable) {
      this.#unstable.splice(0, this.#handed - this.#stable);
      this.#stable = this.#handed;
    }
    this.#handed = null;
  }

  hasCommitted(): boolean {
    return Math.min(this.#commit, this.#stable) > this.#emitted;
  }

  /** The committed and durable entries that were not handed out before, inclusive; null if none. */
  takeCommitted(): { readonly first: LogIndex; readonly last: LogIndex } | null {
    if (!this.hasCommitted()) return null;
    const first = logIndex(this.#emitted + 1);
    this.#emitted = Math.min(this.#commit, this.#stable);
    return { first, last: this.emitted };
  }

  checkInvariants(): void {
    const truncated = this.#truncated.index;
    assert(
      truncated <= this.#applied,
      () => `G1: truncated ${truncated}, applied ${this.#applied}`,
    );
    assert(this.#applied <= this.#emitted, () => `G1: applied ${this.#applied} beyond emitted`);
    assert(this.#emitted <= this.#commit, () => `G1: emitted ${this.#emitted} beyond commit`);
    assert(this.#commit <= this.lastIndex, () => `G1: commit ${this.#commit} beyond the last`);
    assert(this.#emitted <= this.#stable, () => `G1: emitted ${this.#emitted} beyond stable`);
    assert(this.#stable <= this.lastIndex, () => `G1: stable ${this.#stable} beyond the last`);
    assert(this.#unstable.length === this.lastIndex - this.#stable, "G4: unstable entries");
    this.#unstable.forEach((entry, at) => {
      assert(entry.index === this.#stable + 1 + at, "G4: unstable entries have a hole");
      assert(entry.term === this.termAt(entry.index), "G4: an unstable entry's term differs");
    });
    this.#terms.checkInvariants();
  }

  #push(index: number, term: Term, kind: EntryKind, size: number): void {
    assert(index === this.lastIndex + 1, () => `entry ${index} behind last ${this.lastIndex}`);
    this.#terms.push(index, term);
    this.#slots.push(size * 4 + KINDS.indexOf(kind));
  }

  #slotAt(index: number): number {
    const slot = this.#slots[this.#head + index - this.#truncated.index - 1];
    return must(slot, `no entry at ${index}`);
  }
}
