/**
 * Which messages a correct replica can have sent. Everything else is dropped before it touches the
 * state: it came from a damaged or hostile peer, or went astray.
 */
import { unreachable } from "../assert.ts";
import type { ReplicaId } from "../ids.ts";
import { GroupConfigFormatError, decodeGroupConfig } from "./group-config-codec.ts";
import { problemOfGroupConfig } from "./group-config.ts";
import type { Append, AppendReply, Entry, RaftMessage, SnapshotOffer } from "./messages.ts";
import { TERM_LIMIT } from "./raft-state.ts";

/** Whether `message` is addressed to `self` and obeys what every sender keeps. */
export function isWellFormed(message: RaftMessage, self: ReplicaId): boolean {
  if (message.to !== self || message.from === self) return false;
  if (!isCounter(message.from) || !isCounter(message.term)) return false;
  if (message.term >= TERM_LIMIT) return false;
  switch (message.kind) {
    case "pre-vote":
    case "vote":
      return isCounter(message.lastIndex) && isBelow(message.lastTerm, message.term);
    case "append":
      return isAppend(message);
    case "append-reply":
      return isAppendReply(message);
    case "heartbeat":
      return isCounter(message.commit) && isCounter(message.round);
    case "heartbeat-reply":
      return isCounter(message.round);
    case "snapshot":
      return isSnapshot(message);
    case "pre-vote-reply":
    case "vote-reply":
    case "timeout-now":
      return true;
    default:
      return unreachable(message);
  }
}

/** Consecutive behind the previous entry, with terms that never fall and end at the leader's. */
function isAppend(append: Append): boolean {
  if (!isCounter(append.prevIndex) || !isCounter(append.commit)) return false;
  if (!isBelowOrEqual(append.prevTerm, append.term)) return false;
  let index: number = append.prevIndex;
  let term: number = append.prevTerm;
  for (const entry of append.entries) {
    index += 1;
    if (entry.index !== index || entry.term < term) return false;
    if (!isBelowOrEqual(entry.term, append.term) || !isEntry(entry)) return false;
    term = entry.term;
  }
  return Number.isSafeInteger(index);
}

function isEntry(entry: Entry): boolean {
  if (entry.kind !== "config") return true;
  try {
    decodeGroupConfig(entry.payload);
    return true;
  } catch (error) {
    if (error instanceof GroupConfigFormatError) return false;
    throw error;
  }
}

function isAppendReply({ outcome }: AppendReply): boolean {
  if (outcome.kind === "accepted") return isCounter(outcome.match);
  return (
    isCounter(outcome.prevIndex) && isCounter(outcome.hintIndex) && isCounter(outcome.hintTerm)
  );
}

function isSnapshot(offer: SnapshotOffer): boolean {
  return (
    isCounter(offer.index) &&
    offer.index > 0 &&
    isBelowOrEqual(offer.indexTerm, offer.term) &&
    isBelowOrEqual(offer.configIndex, offer.index) &&
    problemOfGroupConfig(offer.config) === null
  );
}

function isCounter(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isBelow(value: number, limit: number): boolean {
  return isCounter(value) && value < limit;
}

function isBelowOrEqual(value: number, limit: number): boolean {
  return isCounter(value) && value <= limit;
}
