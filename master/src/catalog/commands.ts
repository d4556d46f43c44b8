/**
 * What changes the catalog: the commands that masters agree on through their log. A log entry holds a
 * batch, applied as one, with the wall clock of the master that proposed it. Stored on disk in the log:
 * kinds and fields are never given another meaning.
 *
 * Commands are decided on by the leader from what it knows, and judged again where they are applied: a
 * command whose ground is gone is refused there and changes nothing.
 */
import { assert } from "@stele/shared/assert.ts";
import type { LogIndex, ReplicaId, ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { FamilyRule } from "@stele/shared/tablet-descriptor.ts";
import type { OperationId, RequestKey } from "./rows.ts";

/** A server introduces itself, came back, or moved to another address. */
export interface RegisterServer {
  readonly kind: "register-server";
  readonly serverId: ServerId;
  readonly name: string;
  readonly url: string;
  readonly announcedAtMicros: number;
}

/** A new process takes over the name of a dead one, which may never come back. */
export interface ReplaceServer {
  readonly kind: "replace-server";
  readonly old: ServerId;
  readonly serverId: ServerId;
  readonly name: string;
  readonly url: string;
  readonly announcedAtMicros: number;
}

/** A server has been silent too long: its replicas are to be replaced. */
export interface MarkGone {
  readonly kind: "mark-gone";
  readonly serverId: ServerId;
}

export interface CreateTableCommand {
  readonly kind: "create-table";
  readonly name: string;
  readonly families: readonly { readonly name: string; readonly rule: FamilyRule }[];
  /** Base64; ascending, distinct. There is one tablet more than split keys. */
  readonly splitKeys: readonly string[];
  readonly replicas: number;
  readonly deletionProtection: boolean;
  readonly servers: readonly ServerId[];
  /** For each tablet positions in `servers`, the first leader first. */
  readonly placements: readonly (readonly number[])[];
  readonly request: RequestKey | null;
}

/** A tablet that never came to be gets other first replicas, the first leader first. */
export interface PlaceAnew {
  readonly kind: "place-anew";
  readonly tabletId: TabletId;
  readonly servers: readonly ServerId[];
}

export interface DropTableCommand {
  readonly kind: "drop-table";
  readonly name: string;
  readonly request: RequestKey | null;
}

/** A replica reported a committed config that is newer than the catalog's. */
export interface ObserveConfig {
  readonly kind: "observe-config";
  readonly tabletId: TabletId;
  readonly generation: number;
  readonly configIndex: LogIndex;
  readonly config: GroupConfig;
}

/** Replicas that the catalog waited for exist. */
export interface ObserveReplicas {
  readonly kind: "observe-replicas";
  readonly tabletId: TabletId;
  readonly replicas: readonly ReplicaId[];
}

/** The tablet has had a leader. */
export interface ObserveLeader {
  readonly kind: "observe-leader";
  readonly tabletId: TabletId;
}

/** The tablet's drop entry was applied by some replica, so it is committed. */
export interface ObserveDropped {
  readonly kind: "observe-dropped";
  readonly tabletId: TabletId;
}

export interface StartReplacement {
  readonly kind: "start-replacement";
  readonly tabletId: TabletId;
  readonly lost: ReplicaId;
  readonly onServer: ServerId;
  readonly reason: string;
}

export interface AbortReplacement {
  readonly kind: "abort-replacement";
  readonly operationId: OperationId;
  readonly reason: string;
}

/** The config shows that the replacement succeeded or is undone. */
export interface FinishReplacement {
  readonly kind: "finish-replacement";
  readonly operationId: OperationId;
}

/** The servers destroyed these replicas, or never had them. */
export interface ConfirmDestroyed {
  readonly kind: "confirm-destroyed";
  readonly replicas: readonly ReplicaId[];
}

/** Moves the replicas of up to `limit` tablets of a dropped table to the removed list. */
export interface ForgetTablets {
  readonly kind: "forget-tablets";
  readonly tableId: TableId;
  readonly limit: number;
}

export type Command =
  | RegisterServer
  | ReplaceServer
  | MarkGone
  | CreateTableCommand
  | DropTableCommand
  | PlaceAnew
  | ObserveConfig
  | ObserveReplicas
  | ObserveLeader
  | ObserveDropped
  | StartReplacement
  | AbortReplacement
  | FinishReplacement
  | ConfirmDestroyed
  | ForgetTablets;

export type Refusal =
  | "TABLE_EXISTS"
  | "TABLE_NOT_FOUND"
  | "DELETION_PROTECTED"
  | "OPERATION_CONFLICT"
  | "IDEMPOTENCY_MISMATCH"
  | "NOT_ENOUGH_SERVERS"
  | "NAME_TAKEN"
  | "SERVER_REPLACED"
  /** The ground of a planned command is gone. */
  | "OUTDATED";

export type CommandResult =
  | { readonly kind: "done" }
  | { readonly kind: "operation"; readonly operationId: OperationId; readonly tableId: TableId }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly detail: string };

/** Work that may be interrupted where it yields. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

export const DONE: CommandResult = { kind: "done" };

export const refused = (refusal: Refusal, detail: string): CommandResult => ({
  kind: "refused",
  refusal,
  detail,
});

export const outdated = (detail: string): CommandResult => refused("OUTDATED", detail);

export interface CommandBatch {
  /** Microseconds since 1970, by the proposer's clock. */
  readonly atMicros: number;
  readonly commands: readonly Command[];
}

export function encodeCommands(batch: CommandBatch): Buffer {
  return Buffer.from(JSON.stringify(batch));
}

/** Throws on anything that `encodeCommands` of some version did not write. */
export function decodeCommands(payload: Buffer): CommandBatch {
  const batch = JSON.parse(payload.toString()) as Partial<CommandBatch> | null;
  assert(
    batch !== null && Number.isSafeInteger(batch.atMicros) && Array.isArray(batch.commands),
    "a catalog entry is not a batch of commands",
  );
  return batch as CommandBatch;
}
