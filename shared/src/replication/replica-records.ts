/**
 * What a server remembers of each replica, in the store and in the commit log's state records. Stored on
 * disk: fields are added, never given another meaning.
 *
 * - applied state (store): how far the machine's data goes. In every applied batch (state-machine.ts, M3).
 * - log state (store): where the log begins and the hard state; before each checkpoint.
 * - creation (log): a replica that begins to exist.
 * - installation (log): a snapshot whose data is durable in the store.
 */
import type { StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import {
  logIndex,
  replicaId,
  serverId,
  spaceId,
  term,
  type LogIndex,
  type ReplicaId,
  type SpaceId,
  type TabletId,
  type Term,
} from "../ids.ts";
import type { GroupConfig, Member } from "../raft/group-config.ts";
import type { HardState } from "../raft/ready.ts";
import { appliedStateKey, logStateKey } from "./host-keys.ts";
import { openValue, sealValue } from "./sealed-value.ts";

export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

export interface PlacedConfig {
  readonly index: LogIndex;
  readonly config: GroupConfig;
}

export interface AppliedState extends LogPosition {
  readonly replicaId: ReplicaId;
  /** Null: the replica waits for its first snapshot. */
  readonly machineState: Buffer | null;
}

export interface LogState {
  readonly replicaId: ReplicaId;
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  /** The config in force at `truncated`. */
  readonly config: PlacedConfig;
}

export interface Creation {
  /** Every space below was handed out when the replica was created. */
  readonly nextSpace: number;
  readonly start: LogPosition;
  readonly config: PlacedConfig;
  readonly machineState: Buffer | null;
}

export interface Installation {
  readonly space: SpaceId;
  /** The staged data's number on the garbage list, which the switch takes it from. */
  readonly garbage: number;
  readonly config: PlacedConfig;
  readonly machineState: Buffer;
}

const APPLIED_HEADER_BYTES = 25;

/** Binary, because it is written with every batch. */
export function appliedStateOperation(tablet: TabletId, state: AppliedState): StoreOperation {
  const machineState = state.machineState;
  const value = Buffer.allocUnsafe(APPLIED_HEADER_BYTES + (machineState?.length ?? 0));
  value.writeBigUInt64LE(BigInt(state.replicaId), 0);
  value.writeBigUInt64LE(BigInt(state.index), 8);
  value.writeBigUInt64LE(BigInt(state.term), 16);
  value[24] = machineState === null ? 0 : 1;
  machineState?.copy(value, APPLIED_HEADER_BYTES);
  const key = appliedStateKey(tablet);
  return { type: "put", key, value: sealValue(key, value) };
}

export function decodeAppliedState(key: Buffer, sealed: Buffer): AppliedState {
  const value = openValue(key, sealed);
  return {
    replicaId: replicaId(Number(value.readBigUInt64LE(0))),
    index: logIndex(Number(value.readBigUInt64LE(8))),
    term: term(Number(value.readBigUInt64LE(16))),
    machineState: value[24] === 1 ? Buffer.from(value.subarray(APPLIED_HEADER_BYTES)) : null,
  };
}

export function logStateOperation(tablet: TabletId, state: LogState): StoreOperation {
  const key = logStateKey(tablet);
  return { type: "put", key, value: sealValue(key, Buffer.from(JSON.stringify(state))) };
}

export function decodeLogState(key: Buffer, sealed: Buffer): LogState {
  const raw = JSON.parse(openValue(key, sealed).toString()) as LogState;
  return { ...raw, config: checkedConfig(raw.config) };
}

export function encodeCreation(creation: Creation): Buffer {
  return encodeWithState(creation);
}

export function decodeCreation(bytes: Buffer): Creation {
  const raw = decodeWithState(bytes) as Creation;
  return { ...raw, config: checkedConfig(raw.config) };
}

export function encodeInstallation(installation: Installation): Buffer {
  return encodeWithState(installation);
}

export function decodeInstallation(bytes: Buffer): Installation {
  const raw = decodeWithState(bytes) as Installation;
  return { ...raw, space: spaceId(raw.space), config: checkedConfig(raw.config) };
}

function encodeWithState(value: { readonly machineState: Buffer | null }): Buffer {
  const machineState = value.machineState?.toString("base64") ?? null;
  return Buffer.from(JSON.stringify({ ...value, machineState }));
}

function decodeWithState(bytes: Buffer): unknown {
  const raw = JSON.parse(bytes.toString()) as { machineState: string | null };
  const machineState = raw.machineState === null ? null : Buffer.from(raw.machineState, "base64");
  return { ...raw, machineState };
}

function checkedConfig(placed: PlacedConfig): PlacedConfig {
  const members = (list: readonly Member[]): Member[] =>
    list.map((member) => ({
      replicaId: replicaId(member.replicaId),
      serverId: serverId(member.serverId),
    }));
  return {
    index: logIndex(placed.index),
    config: {
      voters: members(placed.config.voters),
      outgoing: members(placed.config.outgoing),
      learners: members(placed.config.learners),
    },
  };
}
