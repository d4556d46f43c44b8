/**
 * Carries the core's messages to the transport: finds the server of each replica, and loads the payloads that
 * an append names, from memory or from the commit log.
 *
 * Order towards one follower is kept while its payloads come from disk, since an append that overtakes another
 * is rejected and costs a probe.
 */
import { assert, must } from "../assert.ts";
import { EntryReadError, type CommitLog, type EntryAddress } from "../commit-log/commit-log.ts";
import type { LogIndex, ReplicaId, ServerId, Term } from "../ids.ts";
import type {
  Entry,
  EntryKind,
  OutgoingAppend,
  OutgoingMessage,
  RaftMessage,
} from "../raft/messages.ts";
import type { RaftEnvelope, RaftLane, RaftTransport } from "../rpc/channel-contract.ts";
import { memberOf } from "./member-of.ts";
import type { Replica } from "./replica.ts";

interface Loading {
  readonly waiting: OutgoingAppend[];
}

export interface MessageDispatchParts {
  readonly transport: RaftTransport;
  readonly commitLog: CommitLog;
  /** An entry of the replica cannot be read back. */
  readonly damaged: (replica: Replica, reason: string) => void;
  readonly failed: (error: unknown) => void;
}

export class MessageDispatch {
  readonly #parts: MessageDispatchParts;
  /** Where a replica spoke from last; for answers to a replica that is in no config known here. */
  readonly #heardFrom = new WeakMap<Replica, Map<ReplicaId, ServerId>>();
  readonly #loading = new WeakMap<Replica, Map<ReplicaId, Loading>>();
  /** Gathered since the last `flush`. */
  #outbox = new Map<ServerId, Record<RaftLane, RaftEnvelope[]>>();

  constructor(parts: MessageDispatchParts) {
    this.#parts = parts;
  }

  heard(replica: Replica, from: ReplicaId, server: ServerId): void {
    let known = this.#heardFrom.get(replica);
    if (known === undefined) this.#heardFrom.set(replica, (known = new Map()));
    known.set(from, server);
  }

  /** Puts the messages into the outbox; they leave with the next `flush`. */
  add(replica: Replica, messages: readonly OutgoingMessage[]): void {
    for (const message of messages) {
      if (message.kind === "append") this.#addAppend(replica, message);
      else this.#post(replica, message);
    }
  }

  flush(): void {
    if (this.#outbox.size === 0) return;
    const outbox = this.#outbox;
    this.#outbox = new Map();
    for (const [server, lanes] of outbox) {
      if (lanes.vital.length > 0) this.#parts.transport.send(server, "vital", lanes.vital);
      if (lanes.append.length > 0) this.#parts.transport.send(server, "append", lanes.append);
    }
  }

  serverOf(replica: Replica, id: ReplicaId): ServerId | null {
    const member = memberOf(replica.raft.config, id);
    if (member !== null) return member.serverId;
    return this.#heardFrom.get(replica)?.get(id) ?? null;
  }

  #post(replica: Replica, message: RaftMessage): void {
    const server = this.serverOf(replica, message.to);
    if (server === null) return;
    let lanes = this.#outbox.get(server);
    if (lanes === undefined) this.#outbox.set(server, (lanes = { vital: [], append: [] }));
    lanes[laneOf(message)].push({ tabletId: replica.tabletId, message });
  }

  #addAppend(replica: Replica, message: OutgoingAppend): void {
    const queue = this.#loading.get(replica)?.get(message.to);
    if (queue !== undefined) {
      queue.waiting.push(message);
      return;
    }
    const entries = entriesInMemory(replica, message);
    if (entries === "gone") return;
    if (entries !== "on-disk") this.#post(replica, { ...message, entries });
    else void this.#load(replica, message).catch(this.#parts.failed);
  }

  /** Loads and sends the append, and then everything that queued up behind it. */
  async #load(replica: Replica, first: OutgoingAppend): Promise<void> {
    let loads = this.#loading.get(replica);
    if (loads === undefined) this.#loading.set(replica, (loads = new Map()));
    const waiting: OutgoingAppend[] = [first];
    loads.set(first.to, { waiting });
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      let entries = entriesInMemory(replica, message);
      if (entries === "on-disk") entries = await this.#readEntries(replica, message);
      // Only the leader of the message's term vouches for these entries: another's may have replaced them.
      const { role, term } = replica.raft;
      if (replica.closed) break;
      if (entries === "gone" || role !== "leader" || term !== message.term) continue;
      this.#post(replica, { ...message, entries });
      this.flush();
    }
    loads.delete(first.to);
  }

  async #readEntries(replica: Replica, message: OutgoingAppend): Promise<Entry[] | "gone"> {
    const { first, last } = message.entries;
    const found: { index: LogIndex; term: Term; kind: EntryKind; payload: Buffer | null }[] = [];
    const reads: EntryAddress[] = [];
    for (let index = first; index <= last; index++) {
      const kind = replica.log.kindOf(index);
      const term = replica.log.termOf(index);
      if (kind === undefined || term === undefined) return "gone";
      const payload = replica.log.payloadOf(index);
      found.push({ index, term, kind, payload });
      if (payload !== null) continue;
      const { tabletId, replicaId } = replica;
      const location = must(replica.log.locationOf(index), `entry ${index} is nowhere`);
      reads.push({ tabletId, replicaId, index, location });
    }
    const payloads = await this.#readPayloads(replica, reads);
    if (payloads === "gone") return "gone";
    const loaded = payloads.values();
    return found.map(({ payload, ...entry }) => {
      return { ...entry, payload: payload ?? must(loaded.next().value, "a payload read") };
    });
  }

  /** A compaction may free the segment under a read; then the follower needs a snapshot anyway. */
  async #readPayloads(
    replica: Replica,
    reads: readonly EntryAddress[],
  ): Promise<Buffer[] | "gone"> {
    try {
      return await this.#parts.commitLog.read(reads);
    } catch (error) {
      if (!(error instanceof EntryReadError)) throw error;
      if (error.reason === "damaged") this.#parts.damaged(replica, error.message);
      return "gone";
    }
  }
}

/** Appends and their answers share a lane, so that a heartbeat never waits behind a large append. */
function laneOf(message: RaftMessage): RaftLane {
  return message.kind === "append" || message.kind === "append-reply" ? "append" : "vital";
}

function entriesInMemory(replica: Replica, message: OutgoingAppend): Entry[] | "on-disk" | "gone" {
  const entries: Entry[] = [];
  const { first, last } = message.entries;
  for (let index = first; index <= last; index++) {
    const term = replica.log.termOf(index);
    const kind = replica.log.kindOf(index);
    if (term === undefined || kind === undefined) return "gone";
    const payload = replica.log.payloadOf(index);
    if (payload === null) {
      assert(replica.log.locationOf(index) !== null, () => `entry ${index} is nowhere`);
      return "on-disk";
    }
    entries.push({ index: index as LogIndex, term, kind, payload });
  }
  return entries;
}
