/**
 * The rows of the catalog: what the masters agree on about tables, tablets, servers, running operations
 * and replicas that must still be destroyed. Rows are immutable; a change replaces the whole row.
 *
 * C1. Ids of tables, tablets, replicas and operations come from counters and are never reused.
 * C2. The tablets of a table tile the key space: each starts where the one before ends.
 * C3. A tablet's config is the newest *committed* one that a replica reported; it never goes back
 *     (ordered by generation, then configIndex). The tablet's own Raft state is the truth.
 * C4. A replica id is in exactly one of these places: the tablet's config, the newcomer of its
 *     replacement, the removed list, or it is forgotten because its destruction was confirmed. A learner
 *     that slipped in behind an aborted replacement is in the config and on the removed list.
 */
import type { LogIndex, ReplicaId, ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { Family } from "@stele/shared/tablet-descriptor.ts";

declare const operationBrand: unique symbol;
export type OperationId = number & { readonly [operationBrand]: true };

/**
 * `creating`: not every tablet has had a leader. `dropping`: the name is still taken, tablets commit their
 * drop entries. `dropped`: the name is free, tablets are being forgotten.
 */
export type TableState = "creating" | "ready" | "dropping" | "dropped";

export interface TableRow {
  readonly tableId: TableId;
  readonly name: string;
  readonly families: readonly Family[];
  readonly schemaVersion: number;
  /** Voters wanted for each tablet. */
  readonly replicas: number;
  readonly deletionProtection: boolean;
  /** Wall clock of the master that took the request, microseconds since 1970. */
  readonly createdAtMicros: number;
  readonly state: TableState;
  /** Tablets in the catalog. */
  readonly tablets: number;
  /** Tablets that must still get a leader (`creating`) or commit their drop (`dropping`). */
  readonly pending: number;
}

/** `creating`: no leader was ever reported. `dropped`: a leader has applied the drop entry. */
export type TabletState = "creating" | "ready" | "dropped";

/** How the first replicas of a tablet are made; forgotten once all of them were seen. */
export interface FirstReplicas {
  readonly config: GroupConfig;
  /** Campaigns at once, so that the first leaders are spread. */
  readonly leader: ReplicaId;
  /** Those that no server has reported yet. Only they may be created again: others would have amnesia. */
  readonly unseen: readonly ReplicaId[];
}

export interface TabletRow {
  readonly tabletId: TabletId;
  readonly tableId: TableId;
  readonly range: RowRange;
  readonly generation: number;
  readonly config: GroupConfig;
  readonly configIndex: LogIndex;
  readonly first: FirstReplicas | null;
  readonly state: TabletState;
}

/**
 * `live`: takes part; whether it is silent right now only the leader's memory knows. `gone`: its replicas
 * are replaced. `replaced`: another process took its name; it may never come back.
 */
export type ServerState = "live" | "gone" | "replaced";

export interface ServerRow {
  readonly serverId: ServerId;
  readonly name: string;
  readonly url: string;
  /** When the server took that address, by its own wall clock. */
  readonly announcedAtMicros: number;
  readonly state: ServerState;
}

/** An Idempotency-Key with a digest of the request it came with. */
export interface RequestKey {
  readonly key: string;
  readonly fingerprint: string;
}

interface Operation {
  readonly operationId: OperationId;
  readonly startedAtMicros: number;
}

/** A call of a user about a table. Kept for a while when finished, so that a retry finds it. */
export interface TableOperationRow extends Operation {
  readonly kind: "create-table" | "drop-table";
  readonly tableId: TableId;
  readonly tableName: string;
  readonly request: RequestKey | null;
  readonly outcome: "running" | "done" | "cancelled";
}

/**
 * One lost replica of one tablet gives way to a newcomer. How far it has come is read off the tablet's
 * config and the reports: newcomer absent, waiting, learner, voter.
 */
export interface ReplacementRow extends Operation {
  readonly kind: "replace-replica";
  readonly tabletId: TabletId;
  readonly lost: Member;
  readonly newcomer: Member;
  /** The newcomer was reported once: should it be missing later, it is lost too. */
  readonly newcomerSeen: boolean;
  /** Null: under way. Else it is being undone, for this reason. */
  readonly aborting: string | null;
  readonly reason: string;
}

export type OperationRow = TableOperationRow | ReplacementRow;

/** A replica that is no member any more; its server must destroy it and has not confirmed that yet. */
export interface RemovedRow {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
}

/** The next id of each kind. */
export interface Counters {
  readonly table: number;
  readonly tablet: number;
  readonly replica: number;
  readonly operation: number;
}

/** Every member of a config, each replica once. */
export function membersOf(config: GroupConfig): readonly Member[] {
  if (config.outgoing.length === 0 && config.learners.length === 0) return config.voters;
  const members = new Map<ReplicaId, Member>();
  for (const list of [config.voters, config.outgoing, config.learners]) {
    for (const member of list) members.set(member.replicaId, member);
  }
  return [...members.values()];
}

export function isJoint(config: GroupConfig): boolean {
  return config.outgoing.length > 0;
}

/** Whether `a` is newer than `b`: by generation, then by config index. */
export function isNewer(
  a: { readonly generation: number; readonly configIndex: number },
  b: { readonly generation: number; readonly configIndex: number },
): boolean {
  if (a.generation !== b.generation) return a.generation > b.generation;
  return a.configIndex > b.configIndex;
}
