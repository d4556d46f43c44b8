/**
 * The operations of one front-end that have not settled. Clients give up on their own and cannot tell: what they call
 * unknown may be an operation that hangs for ever.
 *
 * W1. Watching changes nothing: callers get the operation's own promise.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { CallLimits } from "@stele/frontend/operations.ts";

/** What promises to settle by the deadline of its last argument. */
type Operation = (...args: readonly [...unknown[], CallLimits]) => Promise<unknown>;

export interface OpenOperation {
  /** `rows.write`, ... */
  readonly name: string;
  /** On the front-end's monotonic clock. */
  readonly deadlineMs: number;
}

export class OpenOperations {
  readonly #clock: Clock;
  /** In the order in which they were called. */
  readonly #open = new Set<OpenOperation>();

  /** @param clock the front-end's own */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Null: none is open; else the one that was called first. */
  get first(): OpenOperation | null {
    return this.#open.values().next().value ?? null;
  }

  /** One that is open this long after its deadline, or null. */
  overdue(graceMs: number): OpenOperation | null {
    const latestMs = this.#clock.monotonicMs() - graceMs;
    for (const operation of this.#open) if (operation.deadlineMs < latestMs) return operation;
    return null;
  }

  /** The same operations, watched. REQUIRES: each of its functions is one that ends with `CallLimits`. */
  watch<Operations extends object>(group: string, operations: Operations): Operations {
    return new Proxy(operations, {
      get: (target, member) => {
        const call = Reflect.get(target, member) as Operation;
        return (...args: Parameters<Operation>) => {
          const { deadlineMs } = args.at(-1) as CallLimits;
          const operation = { name: `${group}.${String(member)}`, deadlineMs };
          this.#open.add(operation);
          const settled = call.apply(target, args);
          const ended = (): void => void this.#open.delete(operation);
          settled.then(ended, ended);
          return settled;
        };
      },
    });
  }
}
