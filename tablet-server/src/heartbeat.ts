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
import type { Log } from "@stele/shared/log.ts";
import type { AddressEntry } from "@stele/shared/process/address-book.ts";
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
  #underWay = 0;
  #changed = false;
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

  stop(): void {
    this.#stopped = true;
    this.#cancelGather?.();
  }

  /** Something changed that the master should hear of soon. */
  changed(): void {
    if (this.#changed || this.#stopped) return;
    this.#changed = true;
    this.#cancelGather = this.#parts.clock.after(GATHER_MS, () => {
      this.#changed = false;
      if (this.#underWay < 2) void this.#beat();
    });
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    this.#underWay++;
    let pauseMs = 0;
    try {
      pauseMs = await this.#exchange();
    } catch (error) {
      this.#parts.log.debug({ error }, "a master did not answer a heartbeat");
      this.#leaderUrl = null;
      this.#nextMaster++;
      pauseMs = PAUSE_MS;
    } finally {
      this.#underWay--;
    }
    if (pauseMs > 0) await delay(this.#parts.clock, pauseMs);
    // B1: whoever is the last to come back goes on.
    if (this.#underWay === 0) void this.#beat();
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
      { deadlineMs: clock.monotonicMs() + ANSWER_MS },
    );
    return this.#answered(url, sequence, reply);
  }

  #answered(url: string, sequence: number, reply: HeartbeatReply): number {
    const { clock, learnt, refused, reports, steps } = this.#parts;
    switch (reply.kind) {
      case "not-leader":
        this.#leaderUrl = reply.leaderUrl === url ? null : reply.leaderUrl;
        this.#nextMaster++;
        return this.#leaderUrl === null ? PAUSE_MS : 0;
      case "refused":
        refused(reply.detail);
        return PAUSE_MS;
      case "steps":
        this.#leaderUrl = url;
        this.#acknowledgedAtMs = clock.monotonicMs();
        if (reply.resend || reply.masterTerm !== this.#masterTerm) {
          const isNews = reply.resend || this.#masterTerm !== -1;
          this.#masterTerm = reply.masterTerm;
          if (isNews) reports.forget();
        }
        if (!reply.resend) reports.acknowledged(Math.min(sequence, reply.acknowledged));
        learnt(reply.servers);
        steps.take(reply.masterTerm, reply.steps);
        return 0;
    }
  }

  #anyMaster(): string | null {
    const masters = this.#parts.masters();
    if (masters.length === 0) return null;
    return masters[this.#nextMaster % masters.length] ?? null;
  }
}
