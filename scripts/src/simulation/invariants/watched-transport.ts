/**
 * What the replicas of one host say to others: whoever speaks as a leader leads, entries are what they are elsewhere,
 * and votes and acknowledgements are on disk before they leave.
 */
import type { ServerId, TabletId } from "@stele/shared/ids.ts";
import type { RaftMessage } from "@stele/shared/raft/messages.ts";
import type { RaftEnvelope, RaftLane, RaftTransport } from "@stele/shared/rpc/channel-contract.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import type { WatchedDisk } from "./watched-disk.ts";
import type { WatchedGroup, WatchedGroups } from "./watched-group.ts";

type Append = Extract<RaftMessage, { kind: "append" }>;
type AppendReply = Extract<RaftMessage, { kind: "append-reply" }>;

export interface WatchedTransportParts {
  readonly transport: RaftTransport;
  readonly disk: WatchedDisk;
  readonly groups: WatchedGroups;
  readonly replica: (tablet: TabletId) => Replica | null;
  readonly unacknowledged: (tablet: TabletId, detail: string) => void;
}

export class WatchedTransport implements RaftTransport {
  readonly #parts: WatchedTransportParts;

  constructor(parts: WatchedTransportParts) {
    this.#parts = parts;
  }

  send(to: ServerId, lane: RaftLane, envelopes: readonly RaftEnvelope[]): void {
    for (const { tabletId, message } of envelopes) this.#sent(tabletId, message);
    this.#parts.transport.send(to, lane, envelopes);
  }

  #sent(tablet: TabletId, message: RaftMessage): void {
    const { kind, from, term } = message;
    // They speak of a term that nobody may ever campaign in.
    if (kind === "pre-vote" || kind === "pre-vote-reply") return;
    const group = this.#parts.groups.of(tablet, from);
    const votes = group.votesOf(from);
    const { vote } = this.#parts.disk.replica(tablet, from);
    votes.says(term, vote);
    switch (kind) {
      case "vote":
        votes.votes(term, from, vote);
        return;
      case "vote-reply":
        if (message.granted) votes.votes(term, message.to, vote);
        return;
      case "append":
        this.#leads(tablet, group, message);
        this.#seeEntries(group, message);
        return;
      case "heartbeat":
      case "timeout-now":
        this.#leads(tablet, group, message);
        return;
      case "append-reply":
        this.#acknowledges(tablet, message);
        return;
      default:
    }
  }

  #leads(tablet: TabletId, group: WatchedGroup, { from, term }: RaftMessage): void {
    if (!group.leaders.leads(from, term)) return;
    const replica = this.#parts.replica(tablet);
    if (replica?.replicaId === from) group.history.leads(from, term, replica.raft);
  }

  #seeEntries(group: WatchedGroup, { from, to, prevTerm, entries }: Append): void {
    const where = (): string => `replica ${from} sends it to ${to}`;
    let previousTerm = prevTerm;
    for (const { index, term, kind, payload } of entries) {
      group.entries.see({ index, term, kind, payload, previousTerm }, where);
      previousTerm = term;
    }
  }

  #acknowledges(tablet: TabletId, { from, term, outcome }: AppendReply): void {
    if (outcome.kind !== "accepted") return;
    const { lastIndex, vote } = this.#parts.disk.replica(tablet, from);
    // Entries of a later leader may have taken the place of what is acknowledged before one write made both durable.
    // That helps nobody to commit: a quorum has left the term of this reply.
    if (outcome.match <= lastIndex || vote.term > term) return;
    this.#parts.unacknowledged(
      tablet,
      `replica ${from} acknowledges ${outcome.match}, and its disk ends at ${lastIndex}`,
    );
  }
}
