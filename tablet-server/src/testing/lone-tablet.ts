/**
 * One leader's tablet with its row service over a scripted group: a test decides when proposals are taken, committed
 * and applied, whether the lease holds, and when time passes.
 */
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { must } from "@stele/shared/assert.ts";
import { replicaId, serverId, spaceId, type LogIndex, type Term } from "@stele/shared/ids.ts";
import type { Group, GroupStatus, Proposed } from "@stele/shared/replication/group.ts";
import type { CommittedCommand } from "@stele/shared/replication/state-machine.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import type { RowWrite } from "@stele/shared/row-operations.ts";
import { WHOLE_TABLE } from "@stele/shared/row-range.ts";
import {
  encodeRowCall,
  type RowCall,
  type SequenceProgress,
} from "@stele/shared/wire/row-calls.ts";
import { decodeRowReply, type RowReply } from "@stele/shared/wire/row-replies.ts";
import { RowService } from "../row-service.ts";
import { TabletSet } from "../tablet-set.ts";
import { decodeEntry, type EntryPayload } from "../tablet/entry-payload.ts";
import { RowLoader } from "../tablet/row-loader.ts";
import { encodeTabletState, newTabletState, type TabletState } from "../tablet/tablet-state.ts";
import type { Tablet } from "../tablet/tablet.ts";
import { TABLET_LIMITS } from "../tablet/tablet-limits.ts";
import { Verifications } from "../tablet/verifications.ts";
import { GENERATION, SCHEMA, TABLET } from "./tablet-cluster.ts";

export const OTHER_SERVER = serverId("00000000-0000-4000-8000-000000000002");
const THIS_SERVER = serverId("00000000-0000-4000-8000-000000000001");
const TTL_MS = 3_600_000;

/** Timers run when the test lets time pass; `soon` is the event loop's own next turn. */
export class ManualClock implements Clock {
  nowMs = 1000;
  /** Of the wall clock, before the monotonic one. */
  wallAheadMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMicros(): number {
    return (this.nowMs + this.wallAheadMs) * 1000;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((each) => each !== timer));
  }

  soon(callback: () => void): void {
    void this.#inNextTurn(callback);
  }

  async #inNextTurn(callback: () => void): Promise<void> {
    await nextMacrotask();
    callback();
  }

  get timers(): number {
    return this.#timers.length;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { callback } of due) callback();
  }
}

/** A group of which the test is the other members. */
export class ScriptedGroup implements Group {
  readonly tabletId = TABLET;
  readonly replicaId = replicaId(1);
  readonly serverId = THIS_SERVER;
  holds = true;
  refusal: "overloaded" | "transferring" | null = null;
  leaderServer = THIS_SERVER;
  readonly proposed: CommittedCommand[] = [];
  readonly barriers: ((outcome: "ready" | "not-leader") => void)[] = [];
  damage: string[] = [];
  lastIndex: number;
  #callbacks: (() => void)[] = [];

  constructor(lastIndex: number) {
    this.lastIndex = lastIndex;
  }

  propose(payload: Buffer, term: Term): Proposed {
    if (this.refusal !== null) return { kind: "refused", reason: this.refusal, leader: null };
    const index = ++this.lastIndex as LogIndex;
    this.proposed.push({ index, term, payload });
    return { kind: "proposed", index, term };
  }

  holdsLease(): boolean {
    return this.holds;
  }

  readBarrier(): Promise<"ready" | "not-leader"> {
    return new Promise((resolve) => void this.barriers.push(resolve));
  }

  nextCycle(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** The host's next cycle: what gathered is proposed. */
  cycle(): void {
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  status(): GroupStatus {
    const leader = { replicaId: replicaId(1), serverId: this.leaderServer };
    return { leader } as unknown as GroupStatus;
  }

  reportDamage(reason: string): void {
    this.damage.push(reason);
  }

  proposeConfig(): never {
    throw new Error("not in this test");
  }

  transferLeadership(): never {
    throw new Error("not in this test");
  }

  campaign(): void {}
}

export class LoneTablet {
  readonly clock = new ManualClock();
  readonly disk: MemoryStoreDisk;
  readonly store: CheckpointStore;
  readonly failures: unknown[] = [];
  group: ScriptedGroup;
  tablet: Tablet;
  rows: RowService;
  #applied = 1;
  #term = 0;

  static async begin(change: Partial<TabletState> = {}): Promise<LoneTablet> {
    const clock = new ManualClock();
    const random = new SeededRandom(1);
    const disk = new MemoryStoreDisk({ clock, random, writeBufferBytes: 1 << 30 });
    const state = newTabletState({
      tabletId: TABLET,
      schema: SCHEMA,
      range: WHOLE_TABLE,
      generation: GENERATION,
      space: spaceId(1),
    });
    return new LoneTablet(disk, await disk.open(), { ...state, ...change });
  }

  private constructor(disk: MemoryStoreDisk, store: CheckpointStore, state: TabletState) {
    this.disk = disk;
    this.store = store;
    this.group = new ScriptedGroup(this.#applied);
    [this.tablet, this.rows] = this.#made(encodeTabletState(state));
    this.lead();
  }

  /**
   * The process starts anew with what is in the store, and leads the next term.
   *
   * @param clock what the clocks of the machine show that it starts on
   */
  restart(clock: { readonly nowMs?: number; readonly wallAheadMs?: number } = {}): void {
    Object.assign(this.clock, clock);
    this.group = new ScriptedGroup(this.#applied);
    [this.tablet, this.rows] = this.#made(this.tablet.encodeState());
    this.lead();
  }

  lead(): void {
    this.tablet.leadershipChanged({ kind: "leader", term: ++this.#term as Term });
  }

  follow(): void {
    this.group.leaderServer = OTHER_SERVER;
    this.tablet.leadershipChanged({
      kind: "follower",
      term: (this.#term + 1) as Term,
      leader: replicaId(2),
    });
  }

  call(call: RowCall, timeoutMs = 10_000): Promise<RowReply> {
    return this.send(encodeRowCall(call), timeoutMs);
  }

  send(payload: Buffer, timeoutMs = 10_000): Promise<RowReply> {
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    return new Promise((resolve) => {
      const reply = (...parts: Buffer[]): void => resolve(decodeRowReply(Buffer.concat(parts)));
      this.rows.handle([{ payload, deadlineMs, reply }]);
    });
  }

  /** Writes numbered from `seq` on, of sequence 1 unless told otherwise. */
  write(
    seq: number,
    writes: readonly RowWrite[],
    more: {
      readonly sequenceId?: bigint;
      readonly doneBelow?: number;
      readonly retired?: readonly SequenceProgress[];
      readonly hasStrays?: boolean;
      readonly timeoutMs?: number;
    } = {},
  ): Promise<RowReply> {
    const { sequenceId = 1n, doneBelow = 0, retired = [], hasStrays = false, timeoutMs } = more;
    const call: RowCall = {
      kind: "write",
      tabletId: TABLET,
      generation: GENERATION,
      sequenceId,
      doneBelow,
      retired,
      hasStrays,
      writes: writes.map((write, at) => ({ seq: seq + at, write })),
    };
    return this.call(call, timeoutMs);
  }

  /** Lets everything happen that needs neither the host nor time. */
  async settle(turns = 10): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await nextMacrotask();
    }
  }

  /** Proposes what gathered. Gives all that is proposed and not committed, decoded. */
  async propose(turns?: number): Promise<EntryPayload[]> {
    await this.settle(turns);
    this.group.cycle();
    await this.settle();
    return this.group.proposed.map(({ payload }) => decodeEntry(payload));
  }

  /** Commits and applies what is proposed, in as many batches as the machine makes of it. */
  async commit(): Promise<void> {
    await this.apply(this.group.proposed.splice(0));
  }

  /** Proposes and commits until nothing is left to do. */
  async run(): Promise<void> {
    for (let left = 200; left > 0 && (await this.propose()).length > 0; left--) await this.commit();
  }

  async apply(commands: readonly CommittedCommand[]): Promise<void> {
    for (let from = 0; from < commands.length;) {
      const part = commands.slice(from);
      const batch = await this.tablet.apply(part);
      await this.store.write(batch.operations);
      batch.written();
      const last = batch.stopAt ?? must(part.at(-1), "a command").index;
      from += part.findIndex(({ index }) => index === last) + 1;
      this.#applied = last;
    }
    await this.settle();
  }

  #made(state: Buffer): [Tablet, RowService] {
    const { clock, store } = this;
    const failed = (error: unknown): void => void this.failures.push(error);
    const tablets = new TabletSet({
      store,
      clock,
      verifications: new Verifications(store, failed),
      loader: new RowLoader(store, failed),
      limits: TABLET_LIMITS,
      idempotencyTtlMs: TTL_MS,
      serverName: "ts1",
      changed: () => undefined,
      damaged: (tablet, error) => tablet.group.reportDamage(error.message),
    });
    const made = { tabletId: TABLET, replicaId: replicaId(1), state, group: this.group };
    const tablet = tablets.create(made) as Tablet;
    return [tablet, new RowService({ tablets, store, clock, failed })];
  }
}
