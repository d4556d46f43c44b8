/**
 * Calls to tablets: brings one call to the leader of its tablet, and goes on until it is served, cannot
 * be, or its time is over.
 *
 *   attempt -> served | failed                        the caller gets it
 *           -> not-leader with a hint                 the next attempt goes there
 *           -> not-leader, refused, broken, not-here  the tablet's search for its leader (leader-search.ts)
 *           -> wrong-range                            the map learns, the caller routes by key again
 *           -> table-dropped                          the caller resolves the name anew
 *           -> superseded                             the leader was silent and is replaced (leader-attempts.ts)
 *
 * Q1. A warm call is one look at the map and one call on a channel; everything else is for the others.
 * Q2. Of an attempt that was sent and not answered, the track knows that it may have taken effect.
 * Q3. A call that `brokenAttempts` servers had when their connections broke is given up: a request that
 *     crashes its server must not go on to crash the other replicas again and again.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import { delay } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { ServerId, TabletId } from "@stele/shared/ids.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import { decodeRowReply } from "@stele/shared/wire/row-replies.ts";
import type { RowReply } from "@stele/shared/wire/row-replies.ts";
import type { CallTrack } from "./call-track.ts";
import { LeaderAttempts } from "./leader-attempts.ts";
import { LeaderSearch } from "./leader-search.ts";
import type { LeaderSearchParts, SearchResult } from "./leader-search.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import type { RoutingMetrics } from "./routing-metrics.ts";
import { deadlinePassed } from "./before-deadline.ts";

export type CallOutcome =
  | {
      readonly kind: "served";
      readonly reply: Extract<RowReply, { kind: "written" | "read" | "scanned" }>;
      /** Of the encoded reply. */
      readonly bytes: number;
    }
  /** The tablet refused the call as a whole. */
  | { readonly kind: "failed"; readonly error: DatabaseErrorBody }
  /** The key belongs to another tablet, or the tablet changed. */
  | { readonly kind: "moved" }
  | { readonly kind: "dropped" };

export interface TabletCallsParts extends LeaderSearchParts {
  readonly metrics: RoutingMetrics;
}

/** Hints followed at once; with more of them, the replicas contradict each other. */
const HOPS_MAX = 3;
const NO_NEWS_PAUSE_MS = 50;
const RETRY_AFTER_MS = 1_000;

export class TabletCalls {
  readonly #parts: TabletCallsParts;
  readonly #searches = new Map<TabletId, LeaderSearch>();
  readonly #attempts: LeaderAttempts;
  #stopped = false;

  constructor(parts: TabletCallsParts) {
    this.#parts = parts;
    this.#attempts = new LeaderAttempts({
      ...parts,
      isSearched: (tabletId) => this.#searches.has(tabletId),
      lost: (tablet, server, sinceMs) => this.#lostLeader(tablet, server, { sinceMs }),
    });
  }

  /** `encode` is called for every attempt. Throws `DatabaseError` without `applied`; see `CallTrack`. */
  async run(tablet: MappedTablet, encode: () => Buffer, track: CallTrack): Promise<CallOutcome> {
    let hops = 0;
    while (tablet.state !== "replaced") {
      let server = this.#knownLeader(tablet);
      if (server === null) {
        const result = await this.#searchLeader(tablet, track);
        if (result !== "found") return { kind: result };
        server = tablet.leader;
        if (server === null) continue;
      }
      const result = await this.#attempts.make(tablet, server, encode(), track.deadlineMs);
      if (result === "superseded") {
        track.stray();
        continue;
      }
      if (result instanceof ChannelFailure) {
        this.#afterFailure(tablet, server, result, track);
        continue;
      }
      const reply = decodedOrNull(result);
      if (reply === null) {
        const failure = new ChannelFailure("broken", "maybe", "the reply is damaged");
        this.#afterFailure(tablet, server, failure, track);
        continue;
      }
      switch (reply.kind) {
        case "written":
        case "read":
        case "scanned":
          return { kind: "served", reply, bytes: result.length };
        case "failed":
          return reply;
        case "not-leader":
          if (reply.applied === "unknown") track.undecided();
          hops = this.#afterNotLeader(tablet, server, reply, hops);
          break;
        case "wrong-range":
          if (reply.applied === "unknown") track.undecided();
          await this.#afterWrongRange(tablet, reply, track);
          return { kind: "moved" };
        case "not-here":
          this.#parts.metrics.redirected.notHere.inc();
          this.#lostLeader(tablet, server, { mapIsWrong: true });
          break;
        case "table-dropped":
          this.#parts.metrics.redirected.dropped.inc();
          return { kind: "dropped" };
        default:
          unreachable(reply);
      }
    }
    return { kind: "moved" };
  }

  /** Nothing is called any more; what waits fails. */
  stop(): void {
    this.#stopped = true;
    this.#attempts.stop();
    for (const search of this.#searches.values()) search.stop();
  }

  /** Null: it is being searched, or must be. */
  #knownLeader(tablet: MappedTablet): ServerId | null {
    if (this.#searches.size > 0 && this.#searches.has(tablet.tabletId)) return null;
    return tablet.leader ?? this.#anyVoter(tablet);
  }

  /** Where the map names no leader, any replica may know it. */
  #anyVoter({ replicas }: MappedTablet): ServerId | null {
    const voters = replicas.filter(({ role }) => role === "voter");
    return voters[this.#parts.random.below(Math.max(1, voters.length))]?.serverId ?? null;
  }

  #searchLeader(tablet: MappedTablet, track: CallTrack): Promise<SearchResult> {
    if (track.isGivenUp) return Promise.reject(givenUp());
    const search = this.#searches.get(tablet.tabletId) ?? this.#search(tablet, {});
    return search.wait(track);
  }

  /** Throws what is final for the call. */
  #afterFailure(
    tablet: MappedTablet,
    server: ServerId,
    failure: ChannelFailure,
    track: CallTrack,
  ): void {
    if (failure.sent === "maybe") {
      track.stray();
      const isBroken = failure.reason === "broken" && !this.#stopped;
      if (isBroken && track.broke() >= this.#parts.limits.brokenAttempts)
        throw lostTooOften(tablet);
    }
    switch (failure.reason) {
      case "deadline":
        throw deadlinePassed(`tablet ${tablet.tabletId}`);
      case "overloaded":
        throw new DatabaseError({
          code: "THROTTLED",
          detail: `Too many calls to ${this.#parts.servers.nameOf(server)} are waiting.`,
          retryAfterMs: 100,
        });
      case "too-large":
        throw new DatabaseError({
          code: "TOO_LARGE",
          detail: `The answer of tablet ${tablet.tabletId} is too large to be sent.`,
        });
      case "refused":
      case "broken":
      case "closed":
      case "rejected":
        if (this.#stopped) throw givenUp();
        this.#parts.metrics.redirected.unreachable.inc();
        this.#lostLeader(tablet, server, {});
        break;
      default:
        unreachable(failure.reason);
    }
  }

  /** Gives the hops so far. */
  #afterNotLeader(
    tablet: MappedTablet,
    server: ServerId,
    reply: Extract<RowReply, { kind: "not-leader" }>,
    hops: number,
  ): number {
    const { cache, clock, metrics, servers } = this.#parts;
    metrics.redirected.notLeader.inc();
    cache.learnDescriptor(reply.descriptor, clock.monotonicMs());
    const { leader } = reply;
    const isUsable = leader !== null && leader !== server && servers.get(leader) !== undefined;
    if (isUsable && hops < HOPS_MAX) {
      if (tablet.leader === server || tablet.leader === null) cache.learnLeader(tablet, leader);
      return hops + 1;
    }
    const isUnknown = leader !== null && servers.get(leader) === undefined;
    this.#lostLeader(tablet, server, { mapIsWrong: isUnknown });
    return 0;
  }

  async #afterWrongRange(
    tablet: MappedTablet,
    reply: Extract<RowReply, { kind: "wrong-range" }>,
    track: CallTrack,
  ): Promise<void> {
    const { cache, clock, metrics } = this.#parts;
    metrics.redirected.wrongRange.inc();
    for (const each of reply.descriptors) cache.learnDescriptor(each, clock.monotonicMs());
    if (tablet.state === "replaced") return;
    // The server and the map agree with each other and not with the call, or the server lags behind.
    cache.doubt(tablet);
    if (clock.monotonicMs() + NO_NEWS_PAUSE_MS >= track.deadlineMs) {
      throw deadlinePassed(`the range of tablet ${tablet.tabletId}`);
    }
    await delay(clock, NO_NEWS_PAUSE_MS);
  }

  /** The server does not lead the tablet, or cannot be reached. Others may have found that out before. */
  #lostLeader(
    tablet: MappedTablet,
    server: ServerId,
    begin: { readonly mapIsWrong?: boolean; readonly sinceMs?: number },
  ): void {
    if (tablet.leader !== server && tablet.leader !== null) return;
    this.#parts.cache.learnLeader(tablet, null);
    const running = this.#searches.get(tablet.tabletId);
    if (running === undefined) this.#search(tablet, begin);
    else if (begin.mapIsWrong === true) running.mapIsWrong();
  }

  #search(
    tablet: MappedTablet,
    begin: { readonly mapIsWrong?: boolean; readonly sinceMs?: number },
  ): LeaderSearch {
    const { clock, metrics } = this.#parts;
    const { tabletId } = tablet;
    const { mapIsWrong = false, sinceMs = clock.monotonicMs() } = begin;
    const search = new LeaderSearch(this.#parts, tablet, { sinceMs, mapIsWrong }, () => {
      this.#searches.delete(tabletId);
    });
    this.#searches.set(tabletId, search);
    metrics.searches.inc();
    void search.run();
    return search;
  }
}

function decodedOrNull(payload: Buffer): RowReply | null {
  try {
    return decodeRowReply(payload);
  } catch (error) {
    if (error instanceof MalformedFrameError) return null;
    throw error;
  }
}

function lostTooOften({ tabletId }: MappedTablet): DatabaseError {
  return new DatabaseError({
    code: "UNAVAILABLE",
    detail: `Again and again the connection to tablet ${tabletId} broke while the call was there.`,
    hint: "See the logs of its tablet servers for crashes before you send the request again.",
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function givenUp(): DatabaseError {
  return new DatabaseError({ code: "UNAVAILABLE", detail: "The call was given up." });
}
