/** What waits in a host stays within the limits that it was given. */
import type { HostLimits } from "@stele/shared/replication/host-parts.ts";
import type { Report } from "./report.ts";

export interface HostQueues {
  readonly inboxBytes: number;
  readonly payloadCacheBytes: number;
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
}
