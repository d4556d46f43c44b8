/**
 * What arrived for a host's replicas and waits for the loop. Bounded in bytes: beyond the limit appends are dropped,
 * which a leader repairs; everything else is small and bounded by the transport.
 */
import type { ServerId } from "../ids.ts";
import type { RaftEnvelope } from "../rpc/channel-contract.ts";

export interface Arrived {
  readonly from: ServerId;
  readonly envelope: RaftEnvelope;
}

export class Inbox {
  readonly #limitBytes: number;
  #arrived: Arrived[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get empty(): boolean {
    return this.#arrived.length === 0;
  }

  /** Gives how many were dropped. */
  add(from: ServerId, envelopes: readonly RaftEnvelope[]): number {
    let dropped = 0;
    for (const envelope of envelopes) {
      const bytes = payloadBytes(envelope);
      if (bytes > 0 && this.#bytes + bytes > this.#limitBytes) {
        dropped++;
        continue;
      }
      this.#bytes += bytes;
      this.#arrived.push({ from, envelope });
    }
    return dropped;
  }

  drain(): readonly Arrived[] {
    const arrived = this.#arrived;
    this.#arrived = [];
    this.#bytes = 0;
    return arrived;
  }
}

export function payloadBytes({ message }: RaftEnvelope): number {
  if (message.kind !== "append") return 0;
  let bytes = 0;
  for (const entry of message.entries) bytes += entry.payload.length;
  return bytes;
}
