/**
 * The search for the leader of one tablet, shared by all calls that wait for it. It asks all replicas,
 * pauses, and asks again, until one leads or the tablet turns out to be gone.
 *
 * S1. The calls wait; they do not ask on their own. So a tablet without a leader costs its servers the
 *     same however many clients want it.
 * S2. After `leaderlessMs` those that wait fail with 503 NO_QUORUM, and later ones after one more round of
 *     questions: at once, unless a server is silent. The search goes on for `watchMs` after the last call,
 *     so that the tablet is served again as soon as it can be.
 * S3. A majority of replicas that answer again has the time of an election to find a leader.
 * S4. A replica that is merely named as leader is believed when it has not been heard: it may be slow
 *     (`slowLeader`).
 */
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { ServerId } from "@stele/shared/ids.ts";
import type { Random } from "@stele/shared/random.ts";
import type { CallTrack } from "./call-track.ts";
import { DoublingSpan } from "./doubling-span.ts";
import type { MappedTablet } from "./mapped-tablet.ts";
import { Pauses } from "./pauses.ts";
import { askReplicas, slowLeader } from "./replica-round.ts";
import type { ReplicaAnswer, ReplicaAnswers } from "./replica-round.ts";
import type { RoutingLimits } from "./routing-limits.ts";
import type { ServerDirectory } from "./server-directory.ts";
import type { ServerCalls } from "./tablet-channels.ts";
import type { TabletLocator } from "./tablet-locator.ts";
import type { TabletMapCache } from "./tablet-map-cache.ts";
import { deadlinePassed } from "./before-deadline.ts";

export interface LeaderSearchParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly calls: ServerCalls;
  readonly cache: TabletMapCache;
  readonly servers: ServerDirectory;
  readonly locator: Pick<TabletLocator, "refresh">;
  readonly limits: RoutingLimits;
}

/** `found`: the map names the leader. `moved`: the map has another tablet there. */
export type SearchResult = "found" | "moved" | "dropped";

interface Waiting {
  readonly resolve: (result: SearchResult) => void;
  readonly reject: (error: DatabaseError) => void;
  readonly cancel: CancelTimer;
}

const PROBE_MAX_MS = 1_000;
const REFRESH_EVERY_MS = 1_000;
/** When servers do not know the tablet. */
const REFRESH_SOON_MS = 250;
const RETRY_AFTER_MS = 1_000;
/**
 * A verdict this old is looked at again for a call that comes: at once where servers answer or refuse,
 * and so long where they are silent and may just be waking up.
 */
const FRESH_MS = 50;
const FRESH_WAIT_MS = 250;

export class LeaderSearch {
  readonly #parts: LeaderSearchParts;
  readonly #tablet: MappedTablet;
  readonly #waiting = new Set<Waiting>();
  readonly #startedMs: number;
  readonly #over: () => void;
  #askedForMs: number;
  #refreshAtMs: number;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #refreshing = false;
  /** Set while the tablet counts as having no quorum. */
  #verdict: DatabaseError | null = null;
  /** Since when a majority of the replicas answers; null: it does not. */
  #majoritySinceMs: number | null = null;
  #roundEndedMs = Number.NEGATIVE_INFINITY;
  /** Called when a round has ended. */
  #afterRound: (() => void)[] = [];
  /** Ends the pause before the next round. */
  #wake: () => void = () => undefined;
  #result: SearchResult | null = null;

  /**
   * `sinceMs`: when the tablet was last thought to have a leader. `mapIsWrong`: a server did not know the
   * tablet, so the masters are asked first. `over` is called once.
   */
  constructor(
    parts: LeaderSearchParts,
    tablet: MappedTablet,
    begin: { readonly sinceMs: number; readonly mapIsWrong: boolean },
    over: () => void,
  ) {
    this.#parts = parts;
    this.#tablet = tablet;
    this.#startedMs = begin.sinceMs;
    this.#askedForMs = parts.clock.monotonicMs();
    this.#refreshAtMs = this.#askedForMs + (begin.mapIsWrong ? 0 : REFRESH_EVERY_MS);
    this.#over = over;
  }

  /** Settles by the call's deadline. Rejects with `DatabaseError`. */
  async wait(track: CallTrack): Promise<SearchResult> {
    const { clock } = this.#parts;
    this.#askedForMs = clock.monotonicMs();
    if (this.#verdict !== null && this.#askedForMs - this.#roundEndedMs >= FRESH_MS) {
      await this.#freshRound();
    }
    if (this.#result !== null) return this.#result;
    if (this.#verdict !== null) throw this.#verdict;
    return new Promise((resolve, reject) => {
      const leftMs = Math.max(0, track.deadlineMs - clock.monotonicMs());
      const cancel = clock.after(leftMs, () => {
        this.#waiting.delete(waiting);
        reject(deadlinePassed(`a leader of tablet ${this.#tablet.tabletId}`));
      });
      const waiting: Waiting = { resolve, reject, cancel };
      this.#waiting.add(waiting);
    });
  }

  /** The masters should be asked soon: the map does not show where the tablet is. */
  mapIsWrong(): void {
    this.#refreshAtMs = Math.min(this.#refreshAtMs, this.#refreshedMs + REFRESH_SOON_MS);
  }

  async run(): Promise<void> {
    const { clock, random, limits } = this.#parts;
    const pauses = new Pauses(random, limits);
    const probes = new DoublingSpan(limits.probeMs, PROBE_MAX_MS);
    while (this.#result === null) {
      this.#refreshIfDue();
      const answers = await askReplicas(this.#parts, this.#tablet, null, probes.next());
      const result = this.#judge(answers);
      if (result !== null) {
        this.#end(result);
        return;
      }
      this.#giveVerdict(answers);
      this.#roundEnded();
      const idleMs = clock.monotonicMs() - this.#askedForMs;
      if (this.#verdict !== null && idleMs >= limits.watchMs) {
        this.#end("moved");
        return;
      }
      await this.#pause(pauses.next());
    }
  }

  /** The process stops. */
  stop(): void {
    const error = new DatabaseError({ code: "UNAVAILABLE", detail: "The front-end stops." });
    for (const { reject, cancel } of this.#waiting) {
      cancel();
      reject(error);
    }
    this.#waiting.clear();
    this.#end("moved");
  }

  #judge(answers: ReplicaAnswers): SearchResult | null {
    const { cache, clock, servers } = this.#parts;
    const tablet = this.#tablet;
    let leading: ServerId | null = null;
    for (const [server, answer] of answers) {
      if (answer.kind === "dropped") return "dropped";
      if (answer.kind === "not-here") this.mapIsWrong();
      if (answer.kind === "leads") leading = server;
      if (answer.kind !== "leads" && answer.kind !== "follows") continue;
      for (const each of answer.descriptors) cache.learnDescriptor(each, clock.monotonicMs());
    }
    leading ??= slowLeader(answers);
    // What the descriptors of this round, or a look-up beside it, have brought.
    if (tablet.state === "replaced") return "moved";
    if (leading === null) return null;
    if (servers.get(leading) === undefined) {
      this.mapIsWrong();
      return null;
    }
    cache.learnLeader(tablet, leading);
    return "found";
  }

  #refreshIfDue(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#refreshing || nowMs < this.#refreshAtMs) return;
    this.#refreshing = true;
    void this.#parts.locator.refresh(this.#tablet).then(() => {
      this.#refreshing = false;
      this.#refreshedMs = this.#parts.clock.monotonicMs();
      this.#refreshAtMs = this.#refreshedMs + REFRESH_EVERY_MS;
    });
  }

  /** S2, S3. */
  #giveVerdict(answers: ReplicaAnswers): void {
    const { clock, limits } = this.#parts;
    const nowMs = clock.monotonicMs();
    const heard = [...answers.values()].filter(({ kind }) => kind === "follows").length;
    if (heard * 2 <= answers.size) this.#majoritySinceMs = null;
    else this.#majoritySinceMs ??= nowMs;
    const sinceMs = Math.max(this.#startedMs, this.#majoritySinceMs ?? 0);
    if (nowMs - sinceMs < limits.leaderlessMs) {
      this.#verdict = null;
      return;
    }
    this.#verdict = this.#noQuorum(answers);
    for (const { reject, cancel } of this.#waiting) {
      cancel();
      reject(this.#verdict);
    }
    this.#waiting.clear();
  }

  #noQuorum(answers: ReplicaAnswers): DatabaseError {
    const { servers } = this.#parts;
    const { table, tabletId } = this.#tablet;
    const words = [...answers].map(([server, answer]) => {
      return `${servers.nameOf(server)} ${wordsOf(answer, (id) => servers.nameOf(id))}`;
    });
    return new DatabaseError({
      code: "NO_QUORUM",
      detail: `Tablet ${tabletId} of table ${JSON.stringify(table)} has no leader: ${words.join("; ")}.`,
      hint: "Bring its tablet servers back, or wait until they are replaced.",
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  /** The next round, at once, unless it takes long. */
  #freshRound(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(FRESH_WAIT_MS, resolve);
      this.#afterRound.push(() => {
        cancel();
        resolve();
      });
      this.#wake();
    });
  }

  #roundEnded(): void {
    this.#roundEndedMs = this.#parts.clock.monotonicMs();
    for (const callback of this.#afterRound.splice(0)) callback();
  }

  #pause(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(pauseMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #end(result: SearchResult): void {
    if (this.#result !== null) return;
    this.#result = result;
    this.#over();
    this.#wake();
    this.#roundEnded();
    for (const { resolve, cancel } of this.#waiting) {
      cancel();
      resolve(result);
    }
    this.#waiting.clear();
  }
}

function wordsOf(answer: ReplicaAnswer, nameOf: (server: ServerId) => string): string {
  switch (answer.kind) {
    case "leads":
      return "leads";
    case "follows":
      return answer.leader === null ? "knows no leader" : `follows ${nameOf(answer.leader)}`;
    case "not-here":
      return "does not have it";
    case "dropped":
      return "says that it was dropped";
    case "silent":
      return answer.why === null ? "does not answer" : `does not answer (${answer.why})`;
  }
}
