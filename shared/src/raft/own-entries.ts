/**
 * Entries that a leader adds to its own log; it never replaces or drops one (Raft paper, section
 * 5.3, leader append-only).
 */
import { logIndex } from "../ids.ts";
import type { LogIndex, Term } from "../ids.ts";
import type { Leadership } from "./leadership.ts";
import type { EntryKind } from "./messages.ts";
import type { RaftState } from "./raft-state.ts";

/** First and last inclusive. They are not committed, and may never be: the term tells. */
export interface Proposed {
  readonly kind: "proposed";
  readonly first: LogIndex;
  readonly last: LogIndex;
  readonly term: Term;
}

/** At least one payload. */
export function appendOwn(
  state: RaftState,
  leadership: Leadership,
  kind: EntryKind,
  payloads: readonly Buffer[],
): Proposed {
  const { log, term } = state;
  const first = logIndex(log.lastIndex + 1);
  const entries = payloads.map((payload, at) => ({
    index: logIndex(first + at),
    term,
    kind,
    payload,
  }));
  log.append(entries);
  leadership.uncommittedBytes += log.bytesBetween(first, log.lastIndex);
  leadership.appendsWanted = true;
  return { kind: "proposed", first, last: log.lastIndex, term };
}
