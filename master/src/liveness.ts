/**
 * Which tablet servers are alive, as one catalog leader sees it: in memory, by its monotonic clock.
 *
 * V1. A new leader has heard from nobody: every server is `unknown` at first and has a full window before it
 *     counts as silent or gone, however long the masters were without a leader.
 * V2. Time in which this process itself did not run is nobody's silence: when two ticks lie too far apart,
 *     all servers are forgiven the gap.
 */
import { assert, must } from "@stele/shared/assert.ts";
import type { ServerId } from "@stele/shared/ids.ts";

export interface LivenessLimits {
  /** A server not heard of for so long gets no new replicas, and its name may be taken over. */
  readonly serverSilentMs: number;
  /** A server not heard of for so long loses its replicas to others. */
  readonly serverGoneMs: number;
  /** Ticks further apart than this mean that this process was stopped. */
  readonly stallMs: number;
}

export const DEFAULT_LIVENESS_LIMITS: LivenessLimits = {
  serverSilentMs: 3_000,
  serverGoneMs: 300_000,
  stallMs: 1_000,
};

/** `unknown`: not heard of yet, and not long enough under this leader to call it silent. */
export type ServerLiveness = "unknown" | "live" | "silent" | "gone";

export interface LivenessChange {
  readonly serverId: ServerId;
  readonly now: ServerLiveness;
}

interface Watched {
  /** Of the last heartbeat, or the start of the watch. */
  sinceMs: number;
  heard: boolean;
  liveness: ServerLiveness;
}

export class Liveness {
  readonly #limits: LivenessLimits;
  readonly #servers = new Map<ServerId, Watched>();
  #tickedMs: number;

  constructor(limits: LivenessLimits, servers: Iterable<ServerId>, nowMs: number) {
    assert(limits.serverSilentMs < limits.serverGoneMs, "a server is silent before it is gone");
    this.#limits = limits;
    this.#tickedMs = nowMs;
    for (const server of servers) this.watch(server, nowMs);
  }

  /** Begins to watch a server that has not been heard of. */
  watch(server: ServerId, nowMs: number): void {
    if (this.#servers.has(server)) return;
    this.#servers.set(server, { sinceMs: nowMs, heard: false, liveness: "unknown" });
  }

  /** The server was replaced: nobody asks about it any more. */
  forget(server: ServerId): void {
    this.#servers.delete(server);
  }

  /** A heartbeat arrived. True when the server was not live before. */
  heard(server: ServerId, nowMs: number): boolean {
    this.watch(server, nowMs);
    const watched = must(this.#servers.get(server), "watched just now");
    const revived = watched.liveness !== "live";
    watched.sinceMs = nowMs;
    watched.heard = true;
    watched.liveness = "live";
    return revived;
  }

  /** Judges every server anew; call it a few times a second. What changed, in the order first watched. */
  tick(nowMs: number): LivenessChange[] {
    const gapMs = nowMs - this.#tickedMs;
    this.#tickedMs = nowMs;
    const changes: LivenessChange[] = [];
    for (const [serverId, watched] of this.#servers) {
      if (gapMs > this.#limits.stallMs) {
        watched.sinceMs = Math.min(nowMs, watched.sinceMs + gapMs);
      }
      const now = this.#judge(watched, nowMs);
      if (now === watched.liveness) continue;
      watched.liveness = now;
      changes.push({ serverId, now });
    }
    return changes;
  }

  of(server: ServerId): ServerLiveness {
    return this.#servers.get(server)?.liveness ?? "gone";
  }

  isLive(server: ServerId): boolean {
    return this.of(server) === "live";
  }

  /** V1: neither heard of nor judged silent yet. */
  isUnheard(server: ServerId): boolean {
    return this.of(server) === "unknown";
  }

  /** Milliseconds since the last heartbeat; null: none under this leader. */
  silenceMs(server: ServerId, nowMs: number): number | null {
    const watched = this.#servers.get(server);
    return watched?.heard === true ? nowMs - watched.sinceMs : null;
  }

  /** How much longer the server must stay silent until its name may be taken over; 0: now. */
  silentInMs(server: ServerId, nowMs: number): number {
    const watched = this.#servers.get(server);
    if (watched === undefined) return 0;
    return Math.max(0, watched.sinceMs + this.#limits.serverSilentMs - nowMs);
  }

  #judge(watched: Watched, nowMs: number): ServerLiveness {
    const silentMs = nowMs - watched.sinceMs;
    if (silentMs >= this.#limits.serverGoneMs) return "gone";
    if (silentMs >= this.#limits.serverSilentMs) return "silent";
    return watched.heard ? "live" : "unknown";
  }
}
