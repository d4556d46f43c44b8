/**
 * Calls to the masters: finds the one that can answer, the catalog's leader for most calls.
 *
 * A1. A master that does not answer, or does not lead, only costs time: the next one is asked, first the
 *     one that was named as leader, then all in turn, with a pause after each round.
 * A2. When for `mastersAwayMs` none could answer, calls fail with 503 UNAVAILABLE and say why.
 * A3. Every call may be sent again: those that change something carry a key of their own. A silent master
 *     may be working on such a change, so silence alone does not end it before its deadline.
 */
import { delay } from "@stele/shared/clock.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Random } from "@stele/shared/random.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import type { CallOptions } from "@stele/shared/rpc/rpc-client.ts";
import type { RequestOf, ResponseOf, RpcRoute } from "@stele/shared/rpc/rpc-route.ts";
import { Pauses } from "./pauses.ts";

const RETRY_AFTER_MS = 1_000;

/** The part of `RpcClient` that is used here. */
export interface RpcCalls {
  call<Route extends RpcRoute>(
    url: string,
    route: Route,
    request: RequestOf<Route>,
    options: CallOptions,
  ): Promise<ResponseOf<Route>>;
}

export interface MasterClientParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly rpc: RpcCalls;
  /** As configured and as learnt; at least one. */
  readonly urls: () => readonly string[];
  readonly mastersAwayMs: number;
}

export interface MasterCall {
  readonly deadlineMs: number;
  /** One master is asked for so long before the next one is. */
  readonly attemptMs: number;
  readonly effect: "read" | "write";
}

interface NotLeader {
  readonly kind: "not-leader";
  readonly leaderUrl: string | null;
}

type AnswerOf<Route extends RpcRoute> = Exclude<ResponseOf<Route>, NotLeader>;

export class MasterClient {
  readonly #parts: MasterClientParts;
  #leader: string | null = null;
  #next: number;
  /** Of the attempts since a master last answered. */
  readonly #failures = new Map<string, Failure>();

  constructor(parts: MasterClientParts) {
    this.#parts = parts;
    this.#next = parts.random.below(Math.max(1, parts.urls().length));
  }

  /** Somebody said who leads the catalog; it is asked first. */
  learnLeader(url: string | null): void {
    this.#leader = url;
  }

  /** Why no master has answered of late; null: one has. */
  get silence(): string | null {
    return this.#failures.size === 0 ? null : noMaster(this.#failures);
  }

  /** The first answer other than `not-leader`. Throws `DatabaseError`. */
  async call<Route extends RpcRoute>(
    route: Route,
    request: RequestOf<Route>,
    call: MasterCall,
  ): Promise<AnswerOf<Route>> {
    const { clock, random, mastersAwayMs } = this.#parts;
    const pauses = new Pauses(random, { pauseMs: 10, pauseMaxMs: 200 });
    const failures = new Map<string, Failure>();
    let giveUpMs = clock.monotonicMs() + mastersAwayMs;
    for (;;) {
      const round = new Round(this.#inOrder());
      let someoneMayWork = false;
      for (let url = round.next(); url !== null; url = round.next()) {
        const outcome = await this.#attempt(url, route, request, call);
        if (outcome.kind === "answered") return outcome.answer;
        failures.set(url, outcome);
        this.#failures.set(url, outcome);
        if (outcome.leaderUrl !== null) round.prefer(outcome.leaderUrl);
        if (outcome.kind === "silent" && call.effect === "write") someoneMayWork = true;
        if (clock.monotonicMs() >= call.deadlineMs) throw this.#unanswered(call, failures);
      }
      const againMs = clock.monotonicMs() + pauses.next();
      if (someoneMayWork) giveUpMs = againMs + mastersAwayMs;
      if (againMs >= Math.min(giveUpMs, call.deadlineMs)) throw this.#unanswered(call, failures);
      await delay(clock, againMs - clock.monotonicMs());
    }
  }

  async #attempt<Route extends RpcRoute>(
    url: string,
    route: Route,
    request: RequestOf<Route>,
    call: MasterCall,
  ): Promise<Attempt<Route>> {
    const { clock, rpc } = this.#parts;
    const deadlineMs = Math.min(call.deadlineMs, clock.monotonicMs() + call.attemptMs);
    try {
      const answer = await rpc.call(url, route, request, { deadlineMs });
      if (!isNotLeader(answer)) {
        this.#failures.clear();
        return { kind: "answered", answer: answer as AnswerOf<Route> };
      }
      this.#leader = answer.leaderUrl;
      return { kind: "refused", leaderUrl: answer.leaderUrl, why: "it does not lead" };
    } catch (error) {
      if (this.#leader === url) this.#leader = null;
      return failureOf(error);
    }
  }

  /** Each master once. */
  #inOrder(): string[] {
    const urls = this.#parts.urls();
    const start = this.#next++ % Math.max(1, urls.length);
    const order = [...urls.slice(start), ...urls.slice(0, start)];
    const leader = this.#leader;
    if (leader === null) return order;
    return [leader, ...order.filter((url) => url !== leader)];
  }

  #unanswered(call: MasterCall, failures: ReadonlyMap<string, Failure>): DatabaseError {
    const isLate = this.#parts.clock.monotonicMs() >= call.deadlineMs;
    const mayBeApplied = [...failures.values()].some(({ kind }) => kind === "silent");
    return new DatabaseError({
      code: isLate && mayBeApplied ? "DEADLINE" : "UNAVAILABLE",
      detail: noMaster(failures),
      hint: "Rows that were used lately can still be read and written.",
      retryAfterMs: RETRY_AFTER_MS,
      ...(call.effect === "write" && { applied: mayBeApplied ? "unknown" : "no" }),
    });
  }
}

function noMaster(failures: ReadonlyMap<string, Failure>): string {
  const reasons = [...failures].map(([url, { why }]) => `${url}: ${why}`).join("; ");
  return `No master answers (${reasons === "" ? "none is known" : reasons}).`;
}

/** `refused`: certainly without effect. `silent`: it may have been worked on, or still be. */
interface Failure {
  readonly kind: "refused" | "silent";
  readonly leaderUrl: string | null;
  readonly why: string;
}

type Attempt<Route extends RpcRoute> =
  | { readonly kind: "answered"; readonly answer: AnswerOf<Route> }
  | Failure;

/** Throws what is final. */
function failureOf(error: unknown): Failure {
  if (error instanceof ChannelFailure) {
    const kind = error.sent === "no" ? "refused" : "silent";
    return { kind, leaderUrl: null, why: error.message };
  }
  // By its own deadline, or for want of a quorum: the next master, or the next attempt, may do better.
  const isPassing =
    error instanceof DatabaseError && (error.code === "DEADLINE" || error.code === "UNAVAILABLE");
  if (!isPassing) throw error;
  return { kind: "silent", leaderUrl: null, why: error.body.detail };
}

/** Every master once, the one that others name as leader next. */
class Round {
  readonly #asked = new Set<string>();
  #left: string[];

  constructor(urls: readonly string[]) {
    this.#left = [...urls];
  }

  next(): string | null {
    const url = this.#left.shift();
    if (url === undefined) return null;
    this.#asked.add(url);
    return url;
  }

  prefer(url: string): void {
    if (this.#asked.has(url)) return;
    this.#left = [url, ...this.#left.filter((other) => other !== url)];
  }
}

function isNotLeader(answer: unknown): answer is NotLeader {
  return (answer as { readonly kind?: unknown }).kind === "not-leader";
}
