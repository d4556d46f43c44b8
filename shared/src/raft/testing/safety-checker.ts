/**
 * What must hold between the replicas of one group at any moment, whatever happened to them (Raft
 * paper, figure 3), and for the reads that they serve. Each violation throws.
 */
import { assert, must } from "../../assert.ts";
import type { LogIndex } from "../../ids.ts";
import type { SnapshotOffer } from "../messages.ts";
import type { CoreHost } from "./core-host.ts";
import { traceEntry } from "./trace.ts";

export class SafetyChecker {
  readonly #leaderOfTerm = new Map<number, number>();
  /** What was applied anywhere, by index. */
  readonly #committed = new Map<number, { readonly term: number; readonly text: string }>();
  /** How many of a host's applied entries were looked at. */
  readonly #seen = new Map<CoreHost, number>();
  #highestCommit = 0;

  /** Everything committed so far has an index at or below this. */
  get highestCommit(): number {
    return this.#highestCommit;
  }

  get terms(): number {
    return this.#leaderOfTerm.size;
  }

  /** After anything happened at one replica. */
  check(host: CoreHost): void {
    host.raft.checkInvariants();
    this.#checkApplied(host);
    this.#highestCommit = Math.max(this.#highestCommit, host.raft.commit);
    if (host.raft.role === "leader") this.#checkLeader(host);
  }

  /** Log matching; costly. */
  checkLogs(hosts: readonly CoreHost[]): void {
    for (const left of hosts) {
      for (const right of hosts) if (left.id < right.id) checkMatching(left, right);
    }
  }

  /** The state that a snapshot carries is the committed one. */
  checkSnapshot(offer: SnapshotOffer): void {
    const known = this.#committed.get(offer.index);
    assert(known === undefined || known.term === offer.indexTerm, "a snapshot of another history");
  }

  /** State machine safety: no two replicas apply different entries at one index, nor ever change. */
  #checkApplied(host: CoreHost): void {
    for (let at = this.#seen.get(host) ?? 0; at < host.applied.length; at++) {
      const entry = must(host.applied[at], "hole in what was applied");
      const text = traceEntry(entry);
      const known = this.#committed.get(entry.index);
      assert(known === undefined || known.text === text, () => {
        return `replica ${host.id} applied ${text}, another applied ${known?.text}`;
      });
      this.#committed.set(entry.index, { term: entry.term, text });
    }
    this.#seen.set(host, host.applied.length);
  }

  /** Election safety and leader completeness. */
  #checkLeader({ id, raft }: CoreHost): void {
    const known = this.#leaderOfTerm.get(raft.term);
    assert(known === undefined || known === id, () => `${known} and ${id} lead ${raft.term}`);
    if (known !== undefined) return;
    this.#leaderOfTerm.set(raft.term, id);
    const { truncated } = raft.status();
    for (const [index, { term }] of this.#committed) {
      if (index < truncated.index || term >= raft.term) continue;
      const own = raft.termOf(index as LogIndex);
      assert(own === term, () => `leader ${id} of ${raft.term} lacks ${index}/${term}`);
    }
  }
}

/** If two logs have the same term at an index, they are equal up to it. */
function checkMatching(left: CoreHost, right: CoreHost): void {
  const byIndex = new Map(right.disk.entries.map((entry) => [entry.index, entry]));
  let agreed = false;
  for (const entry of left.disk.entries.toReversed()) {
    const other = byIndex.get(entry.index);
    if (other === undefined) continue;
    agreed ||= other.term === entry.term;
    assert(!agreed || traceEntry(other) === traceEntry(entry), () => {
      return `logs ${left.id} and ${right.id} differ at ${entry.index} below an entry they share`;
    });
  }
}
