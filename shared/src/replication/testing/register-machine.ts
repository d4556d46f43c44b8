/**
 * A small state machine for tests of the host: named registers, each written whole by a command
 * `name NUL value`. Its state carries a digest of every command in order, so that replicas can be compared.
 */
import { crc32 } from "node:zlib";
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
  #digest: number;
  leadership: Leadership = { kind: "follower", term: 0 as Term, leader: null };

  constructor(made: MachineGroup, store: CheckpointStore) {
    this.group = made.group;
    this.tabletId = made.tabletId;
    this.#store = store;
    const { space, count, digest } = decodeState(made.state);
    this.#space = space;
    this.#count = count;
    this.#digest = digest;
  }

  /** Entries applied since the group began. */
  get count(): number {
    return this.#count;
  }

  /** Of all commands applied since the group began, in order. */
  get digest(): number {
    return this.#digest;
  }

  /** Takes up to four commands at once and leaves the rest, as a machine does that needs the store behind one. */
  async apply(offered: readonly CommittedCommand[]): Promise<AppliedBatch> {
    const commands = offered.slice(0, 4);
    const operations = commands.map(({ payload }) => {
      const cut = payload.indexOf(0);
      const key = registerKey(this.#space, payload.subarray(0, cut));
      return { type: "put" as const, key, value: payload.subarray(cut + 1) };
    });
    await Promise.resolve();
    this.#count += commands.length;
    for (const { payload } of commands) this.#digest = crc32(payload, this.#digest);
    const last = commands.at(-1)?.index;
    return {
      ...(commands.length < offered.length && last !== undefined ? { stopAt: last } : {}),
      operations,
      written: () => {
        for (const { index, term } of commands) this.#tracker.applied(index, term, () => undefined);
      },
    };
  }

  encodeState(): Buffer {
    return encodeState({ space: this.#space, count: this.#count, digest: this.#digest });
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

  /** A strong read; undefined: this replica does not lead. */
  async read(name: string): Promise<string | null | undefined> {
    if ((await this.group.readBarrier()) === "not-leader") return undefined;
    const [value] = await this.#store.getMany([registerKey(this.#space, Buffer.from(name))]);
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

  create(group: MachineGroup): RegisterMachine {
    const machine = new RegisterMachine(group, this.#store);
    this.machines.set(group.tabletId, machine);
    return machine;
  }

  relativeKey(storeKey: Buffer): Buffer {
    return storeKey.subarray(9);
  }

  /** Registers have no checksum. */
  checkEntry(): void {}

  storeKey(space: SpaceId, relativeKey: Buffer): Buffer {
    return registerKey(space, relativeKey);
  }

  stateAfterSnapshot(state: Buffer, space: SpaceId): Buffer {
    return encodeState({ ...decodeState(state), space });
  }

  rangesOf(state: Buffer): readonly KeyRange[] {
    return [rangeOf(decodeState(state).space)];
  }
}

interface RegisterState {
  readonly space: SpaceId;
  readonly count: number;
  readonly digest: number;
}

export function newRegisterState(space: SpaceId): Buffer {
  return encodeState({ space, count: 0, digest: 0 });
}

function encodeState(state: RegisterState): Buffer {
  return Buffer.from(JSON.stringify(state));
}

function decodeState(state: Buffer): RegisterState {
  const raw = JSON.parse(state.toString()) as RegisterState;
  return { ...raw, space: spaceId(raw.space) };
}

export function registerKey(space: SpaceId, name: Buffer): Buffer {
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
