/**
 * The tablet server's side of the conversation with the masters: reports what changed, takes the steps that come
 * back, follows the catalog's leader (wire/heartbeat.ts).
 *
 * B1. One heartbeat waits at a master at any time; a second goes out at once when something changed meanwhile, and
 *     makes the master answer the first.
 * B2. A master that does not answer or does not lead costs one try; the next known one is tried after a short pause.
 * B3. Without any master the server goes on serving its tablets.
 */
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import { delay } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Log } from "@stele/shared/log.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import type { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import {
  HEARTBEAT_HOLD_MS,
  heartbeatRoute,
  type HeartbeatReply,
} from "@stele/shared/wire/heartbeat.ts";
import type { ReplicaReports } from "./replica-reports.ts";
import type { StepExecution } from "./step-execution.ts";

const ANSWER_MS = HEARTBEAT_HOLD_MS + 2000;
const PAUSE_MS = 200;
/** Changes within so long go into one heartbeat. */
const GATHER_MS = 10;

export interface HeartbeatParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly rpc: RpcClient;
  readonly self: AddressEntry;
  readonly bootId: string;
  /** URLs of masters to try, the likeliest first. */
  readonly masters: () => readonly string[];
  readonly reports: ReplicaReports;
  readonly steps: StepExecution;
  readonly learnt: (servers: readonly AddressEntry[]) => void;
  /** The masters refuse this server for good. */
  readonly refused: (detail: string) => void;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #sequence = 0;
  #leaderUrl: string | null = null;
  #nextMaster = 0;
  #masterTerm = -1;
  #acknowledgedAtMs: number | null = null;
  /** Heartbeats that wait at a master. */
  #underWay = 0;
  /** A change is waiting for others to join it. */
  #gathering = false;
  /** Something changed since the last heartbeat went out. */
  #hasNews = false;
  /** After a failure. */
  #pausing = false;
  /** The leader's url is another master's word, and not confirmed. */
  #followedHint = false;
  readonly #giveUp = new AbortController();
  #cancelGather: CancelTimer | null = null;
  #stopped = true;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** When a master last acknowledged a heartbeat, on the monotonic clock; null: never. */
  get acknowledgedAtMs(): number | null {
    return this.#acknowledgedAtMs;
  }

  start(): void {
    this.#stopped = false;
    void this.#beat();
  }

  /** What is under way is given up; its answer would count for nothing. */
  stop(): void {
    this.#stopped = true;
    this.#cancelGather?.();
    this.#giveUp.abort();
  }

  /** Something changed that the master should hear of soon. */
  changed(): void {
    if (this.#gathering || this.#stopped) return;
    this.#gathering = true;
    this.#cancelGather = this.#parts.clock.after(GATHER_MS, () => {
      this.#gathering = false;
      this.#hasNews = true;
      this.#goOn();
    });
  }

  /** B1. */
  #goOn(): void {
    if (this.#stopped || this.#pausing) return;
    if (this.#underWay === 0 || (this.#underWay === 1 && this.#hasNews)) void this.#beat();
  }

  async #beat(): Promise<void> {
    this.#hasNews = false;
    this.#underWay++;
    let pauseMs: number;
    try {
      pauseMs = await this.#exchange();
    } catch (error) {
      const { log } = this.#parts;
      const isExpected = error instanceof ChannelFailure || error instanceof DatabaseError;
      if (isExpected) log.debug({ error }, "a master did not answer a heartbeat");
      else log.error({ error }, "a heartbeat failed");
      this.#tryNextMaster();
      pauseMs = PAUSE_MS;
    }
    this.#underWay--;
    if (pauseMs > 0 && !this.#stopped) {
      this.#pausing = true;
      await delay(this.#parts.clock, pauseMs);
      this.#pausing = false;
    }
    this.#goOn();
  }

  /** Gives how long to wait before the next heartbeat. */
  async #exchange(): Promise<number> {
    const { bootId, clock, reports, rpc, self } = this.#parts;
    const url = this.#leaderUrl ?? this.#anyMaster();
    if (url === null) return PAUSE_MS;
    const sequence = ++this.#sequence;
    const { serverId, name, url: ownUrl, announcedAtMicros } = self;
    const reply = await rpc.call(
      url,
      heartbeatRoute,
      {
        serverId,
        name,
        url: ownUrl,
        announcedAtMicros,
        sequence,
        bootId,
        ...reports.take(sequence),
        wallMicros: clock.wallMicros(),
      },
      { deadlineMs: clock.monotonicMs() + ANSWER_MS, signal: this.#giveUp.signal },
    );
    return this.#stopped ? 0 : this.#answered(url, sequence, reply);
  }

  #answered(url: string, sequence: number, reply: HeartbeatReply): number {
    const { clock, learnt, refused, steps } = this.#parts;
    switch (reply.kind) {
      case "not-leader":
        return this.#redirected(url, reply.leaderUrl);
      case "refused":
        refused(reply.detail);
        this.#tryNextMaster();
        return PAUSE_MS;
      case "steps":
        if (reply.masterTerm < this.#masterTerm) return this.#redirected(url, null);
        this.#leaderUrl = url;
        this.#followedHint = false;
        this.#acknowledgedAtMs = clock.monotonicMs();
        this.#acknowledge(sequence, reply);
        learnt(reply.servers);
        steps.take(reply.masterTerm, reply.steps);
        return 0;
    }
  }

  /** A master of another term knows nothing of what was told to the one before. */
  #acknowledge(sequence: number, reply: Extract<HeartbeatReply, { kind: "steps" }>): void {
    const { reports } = this.#parts;
    const isFirst = this.#masterTerm === -1;
    const isAnother = reply.masterTerm !== this.#masterTerm;
    this.#masterTerm = reply.masterTerm;
    if (reply.resend || (isAnother && !isFirst)) reports.forget();
    else reports.acknowledged(Math.min(sequence, reply.acknowledged));
  }

  /** Not the leader, or not any more. One hint is followed at once: of two, one may point back. */
  #redirected(url: string, leaderUrl: string | null): number {
    // Another heartbeat may have found the leader meanwhile.
    if (this.#leaderUrl !== null && this.#leaderUrl !== url) return 0;
    if (leaderUrl !== null && leaderUrl !== url && !this.#followedHint) {
      this.#leaderUrl = leaderUrl;
      this.#followedHint = true;
      return 0;
    }
    this.#tryNextMaster();
    return PAUSE_MS;
  }

  #tryNextMaster(): void {
    this.#leaderUrl = null;
    this.#followedHint = false;
    this.#nextMaster++;
  }

  #anyMaster(): string | null {
    const masters = this.#parts.masters();
    if (masters.length === 0) return null;
    return masters[this.#nextMaster % masters.length] ?? null;
  }
}
