/**
 * A small state machine for tests of the host: named registers, each written whole. A command is
 * `u64 operation, name NUL value`; an operation that was applied before changes nothing.
 */
import type { CheckpointStore } from "../../checkpoint-store/checkpoint-store.ts";
import { spaceId, type LogIndex, type SpaceId, type TabletId, type Term } from "../../ids.ts";
import type { Group } from "../group.ts";
import { ProposalTracker } from "../proposal-tracker.ts";
import type {
  AppliedBatch,
  CommittedCommand,
  KeyRange,
  Leadership,
  MachineGroup,
  StateMachine,
  StateMachineFactory,
} from "../state-machine.ts";

const KIND = 0x10;

export class RegisterMachine implements StateMachine {
  readonly group: Group;
  readonly tabletId: TabletId;
  readonly #space: SpaceId;
  readonly #store: CheckpointStore;
  readonly #tracker = new ProposalTracker<void>();
  #count: number;
  leadership: Leadership = { kind: "follower", term: 0 as Term, leader: null };

  constructor(made: MachineGroup, store: CheckpointStore) {
    this.group = made.group;
    this.tabletId = made.tabletId;
    this.#store = store;
    const { space, count } = decodeState(made.state);
    this.#space = space;
    this.#count = count;
  }

  /** Entries applied since the group began. */
  get count(): number {
    return this.#count;
  }

  async apply(commands: readonly CommittedCommand[]): Promise<AppliedBatch> {
    const operations = commands.map(({ payload }) => {
      const cut = payload.indexOf(0);
      const key = registerKey(this.#space, payload.subarray(0, cut));
      return { type: "put" as const, key, value: payload.subarray(cut + 1) };
    });
    await Promise.resolve();
    this.#count += commands.length;
    return {
      operations,
      written: () => {
        for (const { index, term } of commands) this.#tracker.applied(index, term, () => undefined);
      },
    };
  }

  encodeState(): Buffer {
    return encodeState(this.#space, this.#count);
  }

  leadershipChanged(leadership: Leadership): void {
    this.leadership = leadership;
    if (leadership.kind === "follower") this.#tracker.abandon();
  }

  configChanged(): void {}

  /** Proposes a write; the outcome comes once. */
  write(name: string, value: string, outcome: (outcome: WriteOutcome) => void): void {
    const { leadership } = this;
    if (leadership.kind !== "leader") return outcome({ kind: "refused" });
    const payload = Buffer.from(`${name}\0${value}`);
    const proposed = this.group.propose(payload, leadership.term);
    if (proposed.kind === "refused") return outcome({ kind: "refused" });
    const { index, term } = proposed;
    this.#tracker.add(index, term, {
      done: () => outcome({ kind: "acknowledged", index }),
      lost: (applied) => outcome({ kind: applied === "no" ? "refused" : "unknown" }),
    });
    return undefined;
  }

  async read(name: string): Promise<string | null | "not-leader"> {
    if ((await this.group.readBarrier()) === "not-leader") return "not-leader";
    const { leadership } = this;
    const [value] = await this.#store.getMany([registerKey(this.#space, Buffer.from(name))]);
    if (this.leadership !== leadership || leadership.kind !== "leader") return "not-leader";
    return value?.toString() ?? null;
  }

  /** Everything in the machine, in key order. */
  async contents(): Promise<string[]> {
    const iterator = this.#store.iterate({ ...rangeOf(this.#space), reverse: false });
    const found = await iterator.next(100_000, 1 << 30);
    await iterator.close();
    return found.map(([key, value]) => `${key.subarray(9).toString()}=${value.toString()}`);
  }
}

export type WriteOutcome =
  | { readonly kind: "acknowledged"; readonly index: LogIndex }
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

export class RegisterMachines implements StateMachineFactory {
  readonly machines = new Map<TabletId, RegisterMachine>();
  readonly #store: CheckpointStore;

  constructor(store: CheckpointStore) {
    this.#store = store;
  }

  create(group: MachineGroup): StateMachine {
    const machine = new RegisterMachine(group, this.#store);
    this.machines.set(group.tabletId, machine);
    return machine;
  }

  relativeKey(storeKey: Buffer): Buffer {
    return storeKey.subarray(9);
  }

  storeKey(space: SpaceId, relativeKey: Buffer): Buffer {
    return registerKey(space, relativeKey);
  }

  stateAfterSnapshot(state: Buffer, space: SpaceId): Buffer {
    return encodeState(space, decodeState(state).count);
  }

  rangesOf(state: Buffer): readonly KeyRange[] {
    return [rangeOf(decodeState(state).space)];
  }
}

export function newRegisterState(space: SpaceId): Buffer {
  return encodeState(space, 0);
}

function encodeState(space: SpaceId, count: number): Buffer {
  return Buffer.from(JSON.stringify({ space, count }));
}

function decodeState(state: Buffer): { space: SpaceId; count: number } {
  const raw = JSON.parse(state.toString()) as { space: number; count: number };
  return { space: spaceId(raw.space), count: raw.count };
}

function registerKey(space: SpaceId, name: Buffer): Buffer {
  const prefix = Buffer.alloc(9);
  prefix[0] = KIND;
  prefix.writeBigUInt64BE(BigInt(space), 1);
  return Buffer.concat([prefix, name]);
}

function rangeOf(space: SpaceId): KeyRange {
  return {
    start: registerKey(space, Buffer.of()),
    end: registerKey(spaceId(space + 1), Buffer.of()),
  };
}
