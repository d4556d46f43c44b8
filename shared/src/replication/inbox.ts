/**
 * What arrived for a host's replicas and waits for the loop.
 *
 * N1. Bounded in bytes, with an overhead counted for each message: beyond the limit appends are dropped,
 *     beyond twice the limit everything; Raft repairs both.
 * N2. Handed out in the order of arrival, in portions that keep a cycle of the loop short.
 */
import type { ServerId } from "../ids.ts";
import type { RaftEnvelope } from "../rpc/channel-contract.ts";

const MESSAGE_BYTES = 128;
const PORTION_BYTES = 2 * 1024 * 1024;
const PORTION_MESSAGES = 4096;

export interface Arrived {
  readonly from: ServerId;
  readonly envelope: RaftEnvelope;
}

interface Waiting extends Arrived {
  readonly bytes: number;
}

export class Inbox {
  readonly #limitBytes: number;
  #waiting: Waiting[] = [];
  #head = 0;
  #bytes = 0;
  #taken = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Of what waits, with the overhead of each message. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages ever handed out. */
  get taken(): number {
    return this.#taken;
  }

  /** Messages ever taken in. */
  get added(): number {
    return this.#taken + this.#waiting.length - this.#head;
  }

  /** Gives how many were dropped. */
  add(from: ServerId, envelopes: readonly RaftEnvelope[]): number {
    let dropped = 0;
    for (const envelope of envelopes) {
      const bytes = MESSAGE_BYTES + payloadBytes(envelope);
      const limit = this.#limitBytes * (envelope.message.kind === "append" ? 1 : 2);
      if (this.#bytes + bytes > limit) {
        dropped++;
        continue;
      }
      this.#bytes += bytes;
      this.#waiting.push({ from, envelope, bytes });
    }
    return dropped;
  }

  /** The next portion; at least one message, if there is any. */
  take(): readonly Arrived[] {
    const first = this.#head;
    let bytes = 0;
    while (this.#head < this.#waiting.length) {
      const next = this.#waiting[this.#head] as Waiting;
      const count = this.#head - first;
      if (count >= PORTION_MESSAGES || (count > 0 && bytes + next.bytes > PORTION_BYTES)) break;
      bytes += next.bytes;
      this.#head++;
    }
    const portion = this.#waiting.slice(first, this.#head);
    this.#bytes -= bytes;
    this.#taken += portion.length;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > PORTION_MESSAGES) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return portion;
  }
}

export function payloadBytes({ message }: RaftEnvelope): number {
  if (message.kind !== "append") return 0;
  let bytes = 0;
  for (const entry of message.entries) bytes += entry.payload.length;
  return bytes;
}
