/** What waits in a server, in memory, stays within the limits of each queue. */
import type { TabletId } from "@stele/shared/ids.ts";
import type { HostLimits } from "@stele/shared/replication/host-parts.ts";
import { BATCH_CHANNEL_LIMITS } from "@stele/shared/rpc/batch-channel-limits.ts";
import type { ChannelLoad } from "@stele/shared/rpc/channel-contract.ts";
import { RAFT_TRANSPORT_LIMITS } from "@stele/shared/rpc/raft-transport.ts";
import type { TabletLimits } from "@stele/tablet-server/tablet/tablet-limits.ts";
import type { Report } from "./report.ts";

export interface HostQueues {
  readonly inboxBytes: number;
  readonly payloadCacheBytes: number;
}

export interface TransportQueue {
  readonly messages: number;
  readonly bytes: number;
}

/** Null: there is none. */
export interface TabletQueues {
  readonly tabletId: TabletId;
  readonly limits: TabletLimits;
  readonly writes: { readonly waiting: { readonly writes: number; readonly bytes: number } } | null;
  readonly retries: { readonly size: number; readonly bytes: number } | null;
}

/**
 * A tablet takes calls until a limit is reached, and then what belongs to those it took: the rest of the last one,
 * other attempts of them (tablet-writes.ts, W5), their outcomes (retry-table.ts).
 */
const IN_FLIGHT = 2;
/** Writes of a call that came when there was room for one more: workloads send no larger ones. */
const LAST_CALL = 16;

/** Null: it is within its limits. A call that is larger than the whole queue waits alone. */
export function problemOfChannel({ calls, bytes }: ChannelLoad): string | null {
  const { openCalls, queuedBytes } = BATCH_CHANNEL_LIMITS;
  const isWithin = calls >= 0 && calls <= openCalls && bytes >= 0;
  if (isWithin && (bytes <= queuedBytes || calls === 1)) return null;
  return `a channel has ${calls} calls open and ${bytes} bytes to be sent`;
}

export class QueueLimits {
  readonly #limits: HostLimits;
  readonly #report: Report;

  constructor(limits: HostLimits, report: Report) {
    this.#limits = limits;
    this.#report = report;
  }

  check(queues: HostQueues): void {
    const { maxInboxBytes, payloadCacheBytes } = this.#limits;
    // Appends up to the limit, and everything else up to twice of it (inbox.ts, N1).
    if (queues.inboxBytes > 2 * maxInboxBytes) {
      this.#report(`${queues.inboxBytes} bytes wait in an inbox of ${maxInboxBytes}`);
    }
    if (queues.payloadCacheBytes > payloadCacheBytes) {
      this.#report(`${queues.payloadCacheBytes} bytes are in a cache of ${payloadCacheBytes}`);
    }
  }

  /** A message that is larger than the whole queue waits alone (raft-transport.ts, T2). */
  checkTransport({ messages, bytes }: TransportQueue): void {
    const { queuedMessages, queuedBytes } = RAFT_TRANSPORT_LIMITS;
    if (messages <= queuedMessages && (bytes <= queuedBytes || messages <= 1)) return;
    this.#report(`${messages} messages of ${bytes} bytes wait for one server`);
  }

  checkTablet({ tabletId, limits, writes, retries }: TabletQueues): void {
    const { waitingWrites, waitingBytes, outcomes, outcomeBytes } = limits;
    const held = [
      { what: "writes waiting", count: writes?.waiting.writes, limit: waitingWrites },
      { what: "bytes of writes waiting", count: writes?.waiting.bytes, limit: waitingBytes },
      { what: "results for retries", count: retries?.size, limit: outcomes },
      { what: "bytes of results for retries", count: retries?.bytes, limit: outcomeBytes },
    ];
    for (const { what, count = 0, limit } of held) {
      if (count < 0 || count > IN_FLIGHT * limit + LAST_CALL) {
        this.#report(`tablet ${tabletId} has ${count} ${what}, and may have ${limit}`);
      }
    }
  }
}
