/**
 * Attempts: calls on their way to the servers that lead their tablets, and the watch over leaders that take
 * them and stay silent.
 *
 * E1. Every attempt settles: by an answer, by the channel's failure, or as superseded.
 * E2. A leader that is silent for `suspectAfterMs` is suspected: the other replicas are asked, and when
 *     they follow another one, or none, its open attempts are superseded. So a frozen server delays its
 *     tablets by an election, not until its connections break.
 */
import { must } from "@stele/shared/assert.ts";
import type { ServerId, TabletId } from "@stele/shared/ids.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import type { LeaderSearchParts } from "./leader-search.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import { askReplicas, slowLeader } from "./replica-round.ts";
import type { RoutingMetrics } from "./routing-metrics.ts";

export type AttemptResult = Buffer | ChannelFailure | "superseded";

export interface LeaderAttemptsParts extends LeaderSearchParts {
  readonly metrics: RoutingMetrics;
  /** Whether a search for the tablet's leader is under way: it will find out. */
  readonly isSearched: (tabletId: TabletId) => boolean;
  /** The server does not lead the tablet any more, since then. */
  readonly lost: (tablet: MappedTablet, server: ServerId, sinceMs: number) => void;
}

/** One call on its way to one server. */
interface Attempt {
  readonly tablet: MappedTablet;
  readonly server: ServerId;
  readonly startedMs: number;
  readonly settle: (result: AttemptResult) => void;
}

export class LeaderAttempts {
  readonly #parts: LeaderAttemptsParts;
  /** In order of their beginning. */
  readonly #attempts = new Set<Attempt>();
  readonly #suspected = new Set<TabletId>();
  #sweepPlanned = false;
  #stopped = false;

  constructor(parts: LeaderAttemptsParts) {
    this.#parts = parts;
  }

  /** Settles by the deadline. `superseded`: the server was silent, and another may lead by now. */
  make(
    tablet: MappedTablet,
    server: ServerId,
    payload: Buffer,
    deadlineMs: number,
  ): Promise<AttemptResult> {
    return new Promise((resolve, reject) => {
      const startedMs = this.#parts.clock.monotonicMs();
      const settle = (result: AttemptResult): void => {
        this.#attempts.delete(attempt);
        resolve(result);
      };
      const attempt: Attempt = { tablet, server, startedMs, settle };
      this.#attempts.add(attempt);
      if (!this.#sweepPlanned) this.#planSweep();
      this.#parts.calls.call(server, payload, deadlineMs).then(settle, (failure: unknown) => {
        if (failure instanceof ChannelFailure) {
          settle(failure);
          return;
        }
        this.#attempts.delete(attempt);
        reject(failure as Error);
      });
    });
  }

  /** No leader is suspected any more. */
  stop(): void {
    this.#stopped = true;
  }

  #planSweep(): void {
    this.#sweepPlanned = true;
    const { clock, limits } = this.#parts;
    clock.after(limits.suspectAfterMs / 2, () => {
      this.#sweepPlanned = false;
      if (this.#stopped) return;
      this.#sweep(clock.monotonicMs() - limits.suspectAfterMs);
      if (this.#attempts.size > 0) this.#planSweep();
    });
  }

  #sweep(beforeMs: number): void {
    const { isSearched } = this.#parts;
    for (const attempt of this.#attempts) {
      if (attempt.startedMs > beforeMs) break;
      const { tabletId } = attempt.tablet;
      if (this.#suspected.has(tabletId) || isSearched(tabletId)) continue;
      this.#suspected.add(tabletId);
      void this.#askOthers(attempt).then(() => this.#suspected.delete(tabletId));
    }
  }

  /** E2. */
  async #askOthers({ tablet, server, startedMs }: Attempt): Promise<void> {
    const { cache, clock, isSearched, limits, lost, metrics, servers } = this.#parts;
    const answers = await askReplicas(this.#parts, tablet, server, limits.probeMs);
    if (this.#stopped || isSearched(tablet.tabletId)) return;
    let follows: ServerId | null = null;
    let knowsNone = false;
    for (const [other, answer] of answers) {
      if (answer.kind === "leads") follows = other;
      if (answer.kind !== "leads" && answer.kind !== "follows") continue;
      for (const each of answer.descriptors) cache.learnDescriptor(each, clock.monotonicMs());
      if (answer.kind !== "follows") continue;
      if (answer.leader === server) return;
      if (answer.leader === null) knowsNone = true;
    }
    follows ??= slowLeader(answers);
    if (follows === null && !knowsNone) return;
    metrics.superseded.inc();
    if (tablet.leader === server || tablet.leader === null) {
      const isUsable = follows !== null && servers.get(follows) !== undefined;
      if (isUsable) cache.learnLeader(tablet, must(follows, "a leader"));
      else lost(tablet, server, startedMs);
    }
    for (const attempt of this.#attempts) {
      const isOfLost = attempt.tablet.tabletId === tablet.tabletId && attempt.server === server;
      if (isOfLost) attempt.settle("superseded");
    }
  }
}
