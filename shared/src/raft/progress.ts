/**
 * A leader's view of one follower: what it has for sure, what to send next, and how boldly.
 *
 *              refused append, unreachable
 *        +-----------------------------------+
 *        v                                   |
 *      probe ------- append accepted ---> replicate
 *        |                                   |
 *        +-- next is compacted -> snapshot <-+      snapshot -- installed or failed --> probe
 *
 * P1. 0 <= match < next.
 * P2. probe: at most one append until the follower answers anything.
 * P3. replicate: appends go out unasked, within the window.
 * P4. snapshot: no append at all; the host streams the state and reports the end.
 */
import { assert } from "../assert.ts";
import type { LogIndex, ReplicaId } from "../ids.ts";
import { logIndex } from "../ids.ts";
import { InflightWindow } from "./inflight-window.ts";
import type { WindowLimits } from "./inflight-window.ts";

export type ProgressState =
  | { readonly kind: "probe"; readonly sent: "none" | "awaiting-answer" }
  | { readonly kind: "replicate" }
  /** `index`: what was compacted away when the need arose. */
  | { readonly kind: "snapshot"; readonly index: LogIndex };

export class Progress {
  readonly id: ReplicaId;
  readonly window: InflightWindow;
  /** The highest read round that it acknowledged. */
  ackedRound = 0;
  /** Whether it answered since the last quorum check. A new follower has the benefit of the doubt. */
  recentlyActive = true;
  /** Whether it had, between the two quorum checks before. */
  #wasActive = true;
  /** The highest commit index that an append told it. */
  toldCommit = 0;
  /** Send an append even if it is empty and the window is full: messages may have been lost. */
  nudge = false;
  #state: ProgressState = { kind: "probe", sent: "none" };
  #match = 0;
  #next: number;

  constructor(id: ReplicaId, next: number, limits: WindowLimits) {
    this.id = id;
    this.#next = next;
    this.window = new InflightWindow(limits);
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** The last entry known to be durable there. */
  get match(): LogIndex {
    return logIndex(this.#match);
  }

  /** The next entry to send. */
  get next(): LogIndex {
    return logIndex(this.#next);
  }

  /** Whether it answered within the last period between two quorum checks, or the one that has begun. */
  get isHeard(): boolean {
    return this.recentlyActive || this.#wasActive;
  }

  /** A quorum check is over. */
  beginPeriod(): void {
    this.#wasActive = this.recentlyActive;
    this.recentlyActive = false;
  }

  /** Nothing is to be sent before the follower answers, or before its snapshot has ended. */
  isWaiting(): boolean {
    if (this.#state.kind === "probe") return this.#state.sent === "awaiting-answer";
    return this.#state.kind === "snapshot";
  }

  probe(next: number): void {
    this.#next = Math.max(next, this.#match + 1);
    this.#state = { kind: "probe", sent: "none" };
    this.window.clear();
    this.toldCommit = 0;
    this.nudge = false;
  }

  /** Sends nothing until the follower answers something, then probes. */
  probeWhenItAnswers(next: number): void {
    this.probe(next);
    this.#state = { kind: "probe", sent: "awaiting-answer" };
  }

  probeSent(): void {
    assert(this.#state.kind === "probe" && this.#state.sent === "none", "P2: one probe at a time");
    this.#state = { kind: "probe", sent: "awaiting-answer" };
  }

  replicate(): void {
    this.#state = { kind: "replicate" };
    this.#next = this.#match + 1;
    this.window.clear();
  }

  needSnapshot(index: LogIndex): void {
    assert(this.#state.kind !== "snapshot", "P4: a snapshot is wanted already");
    this.#state = { kind: "snapshot", index };
    this.window.clear();
    this.nudge = false;
  }

  /** It answered a heartbeat sent after the probe: a probe that was lost may be repeated. */
  probeAgain(): void {
    if (this.#state.kind === "probe") this.#state = { kind: "probe", sent: "none" };
  }

  /** Entries up to `last` left for it. */
  sent(last: number, bytes: number): void {
    assert(this.#state.kind === "replicate", "P3: sent without asking");
    assert(last >= this.#next, () => `P1: sent to ${last}, next is ${this.#next}`);
    this.#next = last + 1;
    this.window.add(last, bytes);
  }

  /** Returns whether the match moved. */
  accepted(match: number): boolean {
    this.window.freeTo(match);
    this.#next = Math.max(this.#next, match + 1);
    if (match <= this.#match) return false;
    this.#match = match;
    return true;
  }

  /**
   * The follower lacks `prevIndex`; its log may agree up to `hint`. Returns false for a refusal that
   * is stale: overtaken by an answer that came before.
   */
  rejected(prevIndex: number, hint: number): boolean {
    if (prevIndex <= this.#match) return false;
    if (this.#state.kind === "snapshot") return false;
    if (this.#state.kind === "replicate") {
      this.probe(this.#match + 1);
      return true;
    }
    if (prevIndex !== this.#next - 1) return false;
    this.probe(Math.min(prevIndex, hint + 1));
    return true;
  }

  checkInvariants(lastIndex: LogIndex): void {
    assert(this.#match < this.#next, () => `P1: match ${this.#match}, next ${this.#next}`);
    assert(this.#next <= lastIndex + 1, () => `next ${this.#next}, last ${lastIndex}`);
    const streaming = this.#state.kind === "replicate";
    assert(streaming || this.window.messages === 0, "P3: a window outside replicate");
  }
}
