/**
 * The steps that servers should take, kept until the reports show them done. A step belongs to the subject
 * that it was planned for (a tablet, or a removed replica); planning the subject again replaces its steps.
 *
 * O1. A step is sent at once, then again with growing pauses while it is still wanted.
 * O2. At most `window` steps that are not done are under way to one server; the others wait in order.
 */
import type { ServerId } from "@stele/shared/ids.ts";
import type { Step } from "@stele/shared/wire/heartbeat.ts";
import type { PlannedStep } from "./plan.ts";

export interface OutboxLimits {
  readonly window: number;
  readonly firstPauseMs: number;
  readonly lastPauseMs: number;
}

export const DEFAULT_OUTBOX_LIMITS: OutboxLimits = {
  window: 256,
  firstPauseMs: 1_000,
  lastPauseMs: 8_000,
};

interface PendingStep {
  readonly subject: string;
  readonly key: string;
  readonly serverId: ServerId;
  readonly step: Step;
  deliveries: number;
  dueMs: number;
}

interface ServerQueue {
  readonly unsent: Set<PendingStep>;
  readonly sent: Set<PendingStep>;
}

export class StepOutbox {
  readonly #limits: OutboxLimits;
  readonly #bySubject = new Map<string, PendingStep[]>();
  readonly #queues = new Map<ServerId, ServerQueue>();

  constructor(limits: OutboxLimits = DEFAULT_OUTBOX_LIMITS) {
    this.#limits = limits;
  }

  /** The steps wanted for the subject now; those that were wanted before keep their pauses. */
  replace(subject: string, steps: readonly PlannedStep[]): void {
    const before = this.#bySubject.get(subject) ?? [];
    if (before.length === 0 && steps.length === 0) return;
    const wanted = steps.map((planned) => {
      const key = stepKey(planned);
      return before.find((pending) => pending.key === key) ?? this.#add(subject, key, planned);
    });
    for (const pending of before) if (!wanted.includes(pending)) this.#remove(pending);
    if (wanted.length === 0) this.#bySubject.delete(subject);
    else this.#bySubject.set(subject, wanted);
  }

  /** How often the subject's steps were handed out. */
  deliveries(subject: string): number {
    const steps = this.#bySubject.get(subject) ?? [];
    return steps.reduce((most, pending) => Math.max(most, pending.deliveries), 0);
  }

  /** Hands out up to `limit` steps for the server, with the subjects that they are for. */
  takeDue(
    server: ServerId,
    nowMs: number,
    limit: number,
  ): { readonly step: Step; readonly subject: string }[] {
    const queue = this.#queues.get(server);
    if (queue === undefined) return [];
    const due = [...queue.sent].filter((pending) => pending.dueMs <= nowMs).slice(0, limit);
    for (const pending of queue.unsent) {
      if (queue.sent.size >= this.#limits.window || due.length >= limit) break;
      queue.unsent.delete(pending);
      queue.sent.add(pending);
      due.push(pending);
    }
    for (const pending of due) {
      const pauseMs = this.#limits.firstPauseMs * 2 ** pending.deliveries;
      pending.dueMs = nowMs + Math.min(pauseMs, this.#limits.lastPauseMs);
      pending.deliveries++;
    }
    return due.map(({ step, subject }) => ({ step, subject }));
  }

  /** When `takeDue` will next have something for the server; null: never, as it stands. */
  nextDueMs(server: ServerId): number | null {
    const queue = this.#queues.get(server);
    if (queue === undefined) return null;
    if (queue.unsent.size > 0 && queue.sent.size < this.#limits.window) return 0;
    let next: number | null = null;
    for (const { dueMs } of queue.sent) if (next === null || dueMs < next) next = dueMs;
    return next;
  }

  #add(subject: string, key: string, { serverId, step }: PlannedStep): PendingStep {
    const pending = { subject, key, serverId, step, deliveries: 0, dueMs: 0 };
    let queue = this.#queues.get(serverId);
    if (queue === undefined) {
      this.#queues.set(serverId, (queue = { unsent: new Set(), sent: new Set() }));
    }
    queue.unsent.add(pending);
    return pending;
  }

  #remove(pending: PendingStep): void {
    const queue = this.#queues.get(pending.serverId);
    queue?.unsent.delete(pending);
    queue?.sent.delete(pending);
  }
}

/** Equal keys: the same step, wanted of the same server. */
function stepKey({ serverId, step }: PlannedStep): string {
  if (step.kind !== "create-replica") return `${serverId} ${JSON.stringify(step)}`;
  return `${serverId} create ${step.tabletId} ${step.replicaId} ${step.generation} ${step.campaign}`;
}
