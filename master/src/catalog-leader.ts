/**
 * One leadership of the catalog: drives planning, answers heartbeats, proposes commands. Begins when the
 * leader has applied the entry that opened its term and ends with the leadership.
 *
 * L1. One batch of planned commands is under way at a time (planner.ts, G2); what users ask for is proposed
 *     beside it.
 * L2. Heartbeats are held until there are steps for the server, or for `holdMs`.
 * L3. Everything that waits is told when the leadership ends.
 */
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import { delay } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ServerId, Term } from "@stele/shared/ids.ts";
import type { Group } from "@stele/shared/replication/group.ts";
import type { HeartbeatReply, HeartbeatRequest } from "@stele/shared/wire/heartbeat.ts";
import { AddressNews } from "./address-news.ts";
import type { CatalogChange } from "./catalog/catalog.ts";
import type { CatalogMachine } from "./catalog/catalog-machine.ts";
import { encodeCommands, type Command, type CommandResult } from "./catalog/commands.ts";
import type { ServerRow } from "./catalog/rows.ts";
import { HeldPolls } from "./held-polls.ts";
import { LeaderState, type LeaderLimits } from "./leader-state.ts";

const TICK_MS = 250;
const RETRY_MS = 50;
/** Raft forgets now and then that a follower answered; silence counts after a few of its timeouts. */
const MASTER_SILENT_MS = 3_000;

/** This master leads the catalog no more; what was under way may or may not take effect. */
export class LeadershipLost extends Error {
  override readonly name = "LeadershipLost";
}

export interface CatalogLeaderParts {
  readonly clock: Clock;
  readonly machine: CatalogMachine;
  readonly group: Group;
  readonly term: Term;
  readonly limits: LeaderLimits;
  readonly holdMs: number;
  /** An error that nobody expects. */
  readonly failed: (error: unknown) => void;
}

export class CatalogLeader {
  readonly #parts: CatalogLeaderParts;
  readonly state: LeaderState;
  readonly #news: AddressNews;
  readonly #polls: HeldPolls;
  readonly #waiting = new Set<() => void>();
  /** When each other master last answered, as Raft tells. */
  readonly #mastersHeardMs = new Map<ServerId, number>();
  readonly #beganMs: number;
  #cancelTick: CancelTimer | null = null;
  #cycling = false;
  #closed = false;

  constructor(parts: CatalogLeaderParts) {
    this.#parts = parts;
    const { clock, machine, limits } = parts;
    this.#beganMs = clock.monotonicMs();
    this.state = new LeaderState(machine.catalog, limits, this.#beganMs);
    this.#news = new AddressNews(machine.catalog);
    this.#polls = new HeldPolls(clock);
    this.#tick();
  }

  get term(): Term {
    return this.#parts.term;
  }

  /** Tells everything that waits that the leadership is over. */
  close(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#polls.releaseAll();
    for (const wake of this.#waiting) wake();
  }

  catalogChanged(changes: readonly CatalogChange[]): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const { kind, row } of changes) {
      if (kind === "server" && row !== null)
        this.#news.changed((row.row as ServerRow).serverId, nowMs);
    }
    this.state.catalogChanged(changes, nowMs);
    for (const wake of this.#waiting) wake();
    this.#wake();
  }

  /** One result a command, once they are applied. Throws `LeadershipLost`; THROTTLED or UNAVAILABLE: not now. */
  propose(commands: readonly Command[]): Promise<readonly CommandResult[]> {
    const { clock, group, machine, term } = this.#parts;
    const payload = encodeCommands({ atMicros: clock.wallMicros(), commands });
    return new Promise((resolve, reject) => {
      const proposed = this.#closed
        ? ({ kind: "refused", reason: "not-leader" } as const)
        : group.propose(payload, term);
      if (proposed.kind === "proposed") {
        const lost = (): void => reject(new LeadershipLost("the leadership ended"));
        machine.proposals.add(proposed.index, proposed.term, { done: resolve, lost });
      } else if (proposed.reason === "overloaded") {
        reject(busy("THROTTLED", "the catalog has too many changes under way"));
      } else if (proposed.reason === "transferring") {
        // It may come to nothing, and then this leadership goes on.
        reject(busy("UNAVAILABLE", "the catalog is handing over to another master"));
      } else {
        reject(new LeadershipLost(`not proposed: ${proposed.reason}`));
      }
    });
  }

  /**
   * Asks after every change of the catalog and of what servers report; gives the first answer that is not
   * null, or null at the deadline. Throws `LeadershipLost`.
   */
  async waitFor<T>(
    condition: () => T | null,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<T | null> {
    const { clock } = this.#parts;
    for (;;) {
      if (this.#closed) throw new LeadershipLost("the leadership ended");
      const answer = condition();
      if (answer !== null) return answer;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0 || signal.aborted) return null;
      await this.#nextChange(leftMs, signal);
    }
  }

  async heartbeat(
    heartbeat: HeartbeatRequest,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<HeartbeatReply> {
    const { clock } = this.#parts;
    const refusal = await this.#admit(heartbeat, deadlineMs, signal);
    if (refusal !== null) return refusal;
    const server = heartbeat.serverId;
    const resend = this.state.takeIn(heartbeat, clock.monotonicMs());
    for (const wake of this.#waiting) wake();
    this.#wake();
    const hold = this.#polls.hold(server);
    const endMs = Math.min(deadlineMs, clock.monotonicMs() + this.#parts.holdMs);
    while (!resend && !this.#closed && !hold.released && !signal.aborted) {
      const nowMs = clock.monotonicMs();
      const dueMs = this.state.nextStepMs(server) ?? endMs;
      if (dueMs <= nowMs || endMs <= nowMs) break;
      await hold.wait(Math.min(dueMs, endMs) - nowMs, signal);
    }
    hold.end();
    if (this.#closed) return { kind: "not-leader", leaderUrl: null };
    const nowMs = clock.monotonicMs();
    return {
      kind: "steps",
      masterTerm: this.term,
      acknowledged: heartbeat.sequence,
      resend,
      steps: resend || hold.released ? [] : this.state.takeSteps(server, nowMs),
      servers: this.#news.take(server, heartbeat.bootId, nowMs),
    };
  }

  /** Null: the server may take part; the catalog knows it under this name and address. */
  async #admit(
    heartbeat: HeartbeatRequest,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<HeartbeatReply | null> {
    const { clock } = this.#parts;
    const arrivedMs = clock.monotonicMs();
    for (;;) {
      const nowMs = clock.monotonicMs();
      const admission = this.state.admit(heartbeat, nowMs);
      if (admission.kind === "admitted") return null;
      if (admission.kind === "refused") return admission;
      if (admission.kind === "propose") {
        await this.propose([admission.command]);
        continue;
      }
      const silenceMs = this.state.silenceMs(admission.holder, nowMs);
      if (silenceMs !== null && nowMs - silenceMs > arrivedMs) return nameTaken(heartbeat);
      const leftMs = Math.min(admission.retryInMs, deadlineMs - nowMs);
      if (leftMs <= 0 || signal.aborted) return { kind: "not-leader", leaderUrl: null };
      await this.#nextChange(leftMs, signal);
      if (this.#closed) return { kind: "not-leader", leaderUrl: null };
    }
  }

  /** Whether another master answers. */
  hears(master: ServerId): boolean {
    const heardMs = this.#mastersHeardMs.get(master) ?? this.#beganMs;
    return this.#parts.clock.monotonicMs() - heardMs < MASTER_SILENT_MS;
  }

  #tick(): void {
    if (this.#closed) return;
    const { clock, group } = this.#parts;
    this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
    const nowMs = clock.monotonicMs();
    for (const { member, recentlyActive } of group.status().followers) {
      if (recentlyActive) this.#mastersHeardMs.set(member.serverId, nowMs);
    }
    this.state.tick(nowMs);
    this.#wake();
  }

  #wake(): void {
    if (this.#cycling || this.#closed || !this.state.hasWork) return;
    this.#cycling = true;
    this.#parts.clock.soon(() => {
      this.#cycle().catch((error: unknown) => {
        if (!(error instanceof LeadershipLost)) this.#parts.failed(error);
      });
    });
  }

  /** Plans slice by slice until nothing is left; ends with the leadership. */
  async #cycle(): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#closed && this.state.hasWork) {
      const commands = this.state.plan(clock.wallMicros());
      this.#polls.wakeDue((server) => this.state.nextStepMs(server), clock.monotonicMs());
      if (commands.length > 0) await this.#proposePlanned(commands);
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
    this.#cycling = false;
    this.#wake();
  }

  /** Planned commands are not planned again, so they are proposed until they are in. */
  async #proposePlanned(commands: readonly Command[]): Promise<void> {
    for (;;) {
      try {
        await this.propose(commands);
        return;
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        await delay(this.#parts.clock, RETRY_MS);
      }
    }
  }

  #nextChange(limitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = this.#parts.clock.after(limitMs, wake);
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}

/** Nothing was proposed; a moment later it may be. */
function busy(code: "THROTTLED" | "UNAVAILABLE", detail: string): DatabaseError {
  return new DatabaseError({ code, detail, applied: "no", retryAfterMs: RETRY_MS });
}

function nameTaken({ name }: HeartbeatRequest): HeartbeatReply {
  const detail =
    `the name ${name} belongs to another tablet server, which is alive; ` +
    "start this one with another --name, or stop the other first";
  return { kind: "refused", detail };
}
