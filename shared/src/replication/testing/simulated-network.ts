/**
 * The network between simulated hosts: loses, repeats, delays and reorders messages, cuts links one way, breaks
 * streams.
 */
import type { Clock } from "../../clock.ts";
import type { ServerId } from "../../ids.ts";
import type { Random } from "../../random.ts";
import type { RaftEnvelope, RaftLane, RaftTransport } from "../../rpc/channel-contract.ts";
import type { ReplicaHost } from "../replica-host.ts";
import type { SnapshotAnswer, SnapshotLink } from "../snapshot-sender.ts";

/** One incarnation of a server, as the network sees it. */
export interface NetworkNode {
  readonly serverId: ServerId;
  /** The process's own clock: what arrives while it is paused comes late, and never once it is stopped. */
  readonly clock: Clock;
  /** Null until it listens. */
  readonly host: () => ReplicaHost | null;
  readonly isAlive: () => boolean;
}

export class SimulatedNetwork {
  lossPercent = 0;
  duplicatePercent = 0;
  delayMsMax = 5;
  readonly #random: Random;
  readonly #nodes = new Map<ServerId, NetworkNode>();
  /** Pairs "from>to" that do not get through. */
  readonly #cut = new Set<string>();

  readonly #streams = new Set<{ readonly to: ServerId; readonly breakOff: () => void }>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The incarnation that answers at the server's address from now on. */
  attach(node: NetworkNode): void {
    this.#nodes.set(node.serverId, node);
  }

  /** The server's process ended, and its connections with it. */
  disconnect(server: ServerId): void {
    for (const { to, breakOff } of this.#streams) if (to === server) breakOff();
  }

  cut(from: ServerId, to: ServerId): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
    this.lossPercent = 0;
    this.duplicatePercent = 0;
    this.delayMsMax = 5;
  }

  transportOf(from: NetworkNode): RaftTransport {
    return {
      send: (to: ServerId, lane: RaftLane, envelopes: readonly RaftEnvelope[]) => {
        const copies = this.#random.below(100) < this.duplicatePercent ? 2 : 1;
        for (let copy = 0; copy < copies; copy++) this.#carry(from, to, lane, envelopes);
      },
    };
  }

  linkOf(from: NetworkNode): SnapshotLink {
    return {
      send: async (to: ServerId, frames: AsyncIterable<Buffer>): Promise<SnapshotAnswer> => {
        const receiver = this.#nodes.get(to);
        const host = receiver?.host() ?? null;
        if (receiver === undefined || host === null || !receiver.isAlive()) {
          throw new Error("the connection was refused");
        }
        const broken = Promise.withResolvers<never>();
        const stream = { to, breakOff: () => broken.reject(new Error("the connection broke")) };
        this.#streams.add(stream);
        const answer = await Promise.race([
          broken.promise,
          host
            .receiveSnapshot(this.#stream(from, receiver, frames))
            // The receiver's errors do not travel: the sender learns that the stream was refused.
            .catch((error: unknown) => Promise.reject(new Error(`refused: ${String(error)}`))),
        ]).finally(() => this.#streams.delete(stream));
        if (this.#isCut(receiver, from)) throw new Error("the answer was lost");
        return answer;
      },
    };
  }

  #carry(
    from: NetworkNode,
    to: ServerId,
    lane: RaftLane,
    envelopes: readonly RaftEnvelope[],
  ): void {
    const receiver = this.#nodes.get(to);
    if (receiver === undefined || this.#random.below(100) < this.lossPercent) return;
    if (this.#isCut(from, receiver)) return;
    const delayMs = 1 + this.#random.below(this.delayMsMax);
    if (receiver.isAlive()) {
      receiver.clock.after(delayMs, () => receiver.host()?.receive(from.serverId, envelopes));
    } else if (lane === "vital") {
      from.clock.after(delayMs, () => from.host()?.unreachable(to, "refused"));
    }
  }

  #isCut(from: NetworkNode, to: NetworkNode): boolean {
    return this.#cut.has(`${from.serverId}>${to.serverId}`);
  }

  async *#stream(
    from: NetworkNode,
    to: NetworkNode,
    frames: AsyncIterable<Buffer>,
  ): AsyncGenerator<Buffer> {
    const pulled = frames[Symbol.asyncIterator]();
    for (;;) {
      // Pulled in the sender's process, handed on in the receiver's.
      const next = await new Promise<IteratorResult<Buffer>>((resolve, reject) => {
        from.clock.after(1 + this.#random.below(this.delayMsMax), () => {
          pulled.next().then(resolve, reject);
        });
      });
      if (next.done === true) return;
      await new Promise<void>((resolve) => {
        to.clock.after(1 + this.#random.below(this.delayMsMax), resolve);
      });
      if (!from.isAlive() || this.#isCut(from, to)) throw new Error("the connection broke");
      yield Buffer.from(next.value);
    }
  }
}
