/**
 * What the replicas of one host say to others: whoever speaks as a leader leads and was elected, entries are what they
 * are elsewhere, votes and acknowledgements are on disk before they leave, and what is committed was decided by a
 * leader.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { LogIndex, ReplicaId, ServerId, TabletId, Term } from "@stele/shared/ids.ts";
import type { RaftMessage } from "@stele/shared/raft/messages.ts";
import type { RaftEnvelope, RaftLane, RaftTransport } from "@stele/shared/rpc/channel-contract.ts";
import type { LogPosition } from "@stele/shared/replication/replica-records.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import type { DurableReplica } from "./durable-replica.ts";
import type { WatchedDisk } from "./watched-disk.ts";
import type { WatchedGroup, WatchedGroups } from "./watched-group.ts";

type Append = Extract<RaftMessage, { kind: "append" }>;
type AppendReply = Extract<RaftMessage, { kind: "append-reply" }>;

export interface WatchedTransportParts {
  readonly transport: RaftTransport;
  /** The process's own. */
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly disk: WatchedDisk;
  readonly groups: WatchedGroups;
  readonly replica: (tablet: TabletId) => Replica | null;
  /** First heard of. */
  readonly elected: (replica: Replica) => void;
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
    const replica = this.#replica(tablet, from);
    if (replica !== null) group.commitments.look(replica);
    const votes = group.votesOf(from);
    const { vote } = this.#parts.disk.replica(tablet, from);
    votes.says(term, vote);
    switch (kind) {
      case "vote":
        votes.votes(term, from, vote);
        group.elections.campaigns(from, term, {
          index: message.lastIndex,
          term: message.lastTerm,
        });
        return;
      case "vote-reply":
        if (!message.granted) return;
        votes.votes(term, message.to, vote);
        group.elections.grants(from, message.to, term, endWhenVoted(replica, term));
        return;
      case "append":
        this.#leads(group, message, replica);
        this.#seeEntries(group, message, replica);
        return;
      case "heartbeat":
        this.#leads(group, message, replica);
        group.leaderships.find(term)?.sends(message.round, this.#parts.clock.monotonicMs());
        return;
      case "heartbeat-reply":
        group.leaderships.find(term)?.answers(from, message.round);
        return;
      case "timeout-now": {
        this.#leads(group, message, replica);
        const leadership = group.leaderships.find(term);
        if (leadership !== null) leadership.handedOver = true;
        return;
      }
      case "append-reply":
        this.#acknowledges(tablet, message, replica);
        return;
      default:
    }
  }

  #replica(tablet: TabletId, id: ReplicaId): Replica | null {
    const replica = this.#parts.replica(tablet);
    return replica?.replicaId === id ? replica : null;
  }

  #leads(group: WatchedGroup, { from, term }: RaftMessage, replica: Replica | null): void {
    if (!group.leaders.leads(from, term) || replica === null) return;
    const { raft } = replica;
    group.sequence.leads(from, term, raft);
    if (raft.role !== "leader" || raft.term !== term) return;
    group.elections.leads(from, term, raft.config);
    group.leaderships.begins(from, term, this.#parts.leaseMs, raft.config);
    this.#parts.elected(replica);
  }

  #seeEntries(
    group: WatchedGroup,
    { from, to, prevTerm, entries }: Append,
    replica: Replica | null,
  ): void {
    const where = (): string => `replica ${from} sends it to ${to}`;
    let previousTerm = prevTerm;
    for (const { index, term, kind, payload } of entries) {
      group.entries.see({ index, term, kind, payload, previousTerm }, where);
      previousTerm = term;
      if (kind === "config" && replica !== null) group.commitments.hasConfig(replica, index);
    }
  }

  #acknowledges(
    tablet: TabletId,
    { from, term, outcome }: AppendReply,
    replica: Replica | null,
  ): void {
    if (outcome.kind !== "accepted") return;
    const durable = this.#parts.disk.replica(tablet, from);
    const { lastIndex, vote } = durable;
    const own = replica !== null && replica.raft.term === term ? replica : null;
    const problem = own === null ? null : problemOfTerm(durable, own, outcome.match);
    if (problem !== null) this.#parts.unacknowledged(tablet, `replica ${from} ${problem}`);
    // Entries of a later leader may have taken the place of what is acknowledged before one write made both durable.
    // That helps nobody to commit: a quorum has left the term of this reply.
    if (outcome.match <= lastIndex || vote.term > term) return;
    this.#parts.unacknowledged(
      tablet,
      `replica ${from} acknowledges ${outcome.match}, and its disk ends at ${lastIndex}`,
    );
  }
}

/** Where the log ended when it granted its vote of the term; null: a leader may have changed it since. */
function endWhenVoted(replica: Replica | null, term: Term): LogPosition | null {
  if (replica === null || !replica.mayApply) return null;
  const { raft } = replica;
  if (raft.term !== term || raft.role !== "follower" || raft.leader !== null) return null;
  const last = raft.termOf(raft.lastIndex);
  return last === undefined ? null : { index: raft.lastIndex, term: last };
}

/** It acknowledges that entry, and has it on disk or not. */
function problemOfTerm(durable: DurableReplica, { raft }: Replica, match: LogIndex): string | null {
  const [own, written] = [raft.termOf(match), durable.termOf(match)];
  if (own === undefined || written === null || own === written) return null;
  return `acknowledges ${match} of term ${own}, and has one of term ${written} on disk`;
}
