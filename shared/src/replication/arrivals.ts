/**
 * Brings what arrives at a host to the cores of its replicas: messages, and the news that a server cannot be
 * reached.
 *
 * A1. A leader calls committed only what this replica acknowledged to it. If that lies beyond the end of the log,
 *     the disk lost what it had confirmed, or an older copy of it was put back: the replica is damaged, since the
 *     votes of that time may be lost, too.
 */
import type { ServerId, TabletId } from "../ids.ts";
import { membersOf } from "../raft/group-config.ts";
import type { RaftMessage } from "../raft/messages.ts";
import type { RaftEnvelope } from "../rpc/channel-contract.ts";
import type { HostCounters } from "./host-counters.ts";
import { Inbox, payloadBytes } from "./inbox.ts";
import type { MessageDispatch } from "./message-dispatch.ts";
import type { Replica } from "./replica.ts";

export interface ArrivalsParts {
  readonly dispatch: MessageDispatch;
  readonly counters: HostCounters;
  readonly maxInboxBytes: number;
  /** A replica with more committed but unapplied payload takes no more entries. */
  readonly maxUnappliedBytes: number;
  readonly replica: (tablet: TabletId) => Replica | null;
  readonly replicas: () => Iterable<Replica>;
  readonly markDirty: (replica: Replica) => void;
  readonly damaged: (replica: Replica, reason: string) => void;
}

export class Arrivals {
  readonly #parts: ArrivalsParts;
  readonly #inbox: Inbox;
  /** Servers that could not be reached since the last drain; a refused connection says most. */
  #unreachable = new Map<ServerId, "refused" | "broken">();

  constructor(parts: ArrivalsParts) {
    this.#parts = parts;
    this.#inbox = new Inbox(parts.maxInboxBytes);
  }

  /** Messages that ever arrived. */
  get added(): number {
    return this.#inbox.added;
  }

  get waitingBytes(): number {
    return this.#inbox.bytes;
  }

  add(from: ServerId, envelopes: readonly RaftEnvelope[]): void {
    this.#parts.counters.droppedMessages += this.#inbox.add(from, envelopes);
  }

  unreachable(server: ServerId, reason: "refused" | "broken"): void {
    if (this.#unreachable.get(server) !== "refused") this.#unreachable.set(server, reason);
  }

  /** Hands on a portion of the messages, and all the rest; gives how many messages ever were handed on. */
  drain(): number {
    for (const { from, envelope } of this.#inbox.take()) this.#step(from, envelope);
    if (this.#unreachable.size > 0) this.#tellUnreachable();
    return this.#inbox.taken;
  }

  #step(from: ServerId, envelope: RaftEnvelope): void {
    const { counters, dispatch, markDirty } = this.#parts;
    const { message, tabletId } = envelope;
    const replica = this.#parts.replica(tabletId);
    if (replica?.replicaId !== message.to || this.#isBehind(replica, envelope)) {
      counters.droppedMessages++;
      return;
    }
    if (provesLoss(replica, message)) {
      const { lastIndex } = replica.raft;
      const reason = `the log ends at entry ${lastIndex}, below what it once acknowledged`;
      this.#parts.damaged(replica, reason);
      return;
    }
    dispatch.heard(replica, message.from, from);
    replica.raft.step(message);
    markDirty(replica);
  }

  #isBehind(replica: Replica, envelope: RaftEnvelope): boolean {
    const { maxUnappliedBytes } = this.#parts;
    return replica.unappliedBytes > maxUnappliedBytes && payloadBytes(envelope) > 0;
  }

  #tellUnreachable(): void {
    const servers = this.#unreachable;
    this.#unreachable = new Map();
    for (const replica of this.#parts.replicas()) {
      const { raft } = replica;
      for (const member of membersOf(raft.config)) {
        const reason = servers.get(member.serverId);
        if (reason === undefined || member.replicaId === replica.replicaId) continue;
        if (raft.role === "leader") raft.reportUnreachable(member.replicaId);
        else if (reason === "refused" && raft.leader === member.replicaId) raft.leaderUnreachable();
      }
      if (raft.hasReady()) this.#parts.markDirty(replica);
    }
  }
}

/** A1. The heartbeats of a leader of an older term speak of a log that another leader may have cut. */
function provesLoss({ raft, closed }: Replica, message: RaftMessage): boolean {
  return (
    !closed &&
    message.kind === "heartbeat" &&
    message.term >= raft.term &&
    message.commit > raft.lastIndex
  );
}
