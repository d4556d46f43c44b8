/**
 * What every process agrees on about one tablet.
 *
 * D1. `generation` changes with the range only; data requests are checked against it.
 * D2. `configIndex` is the log index of the group config that `replicas` shows.
 * D3. Reports are ordered by (generation, configIndex); the tablet's own Raft state is the truth.
 */
import type { LogIndex, ReplicaId, ServerId, TableId, TabletId } from "./ids.ts";
import type { RowRange } from "./row-range.ts";

/** `leaving`: a voter of the config that a joint change is leaving. */
export type ReplicaRole = "voter" | "learner" | "leaving";

export interface ReplicaPlacement {
  readonly replicaId: ReplicaId;
  readonly serverId: ServerId;
  readonly role: ReplicaRole;
}

/** At most so many newest cells a column; null: no limit. */
export interface FamilyRule {
  readonly maxVersions: number | null;
}

export interface Family {
  readonly name: string;
  /** Stored in place of the name; never reused within a table. 1..65535. */
  readonly number: number;
  readonly rule: FamilyRule;
}

export interface TableSchema {
  readonly tableId: TableId;
  readonly schemaVersion: number;
  readonly families: readonly Family[];
}

export interface TabletDescriptor {
  readonly tabletId: TabletId;
  readonly schema: TableSchema;
  readonly range: RowRange;
  readonly generation: number;
  readonly configIndex: LogIndex;
  readonly replicas: readonly ReplicaPlacement[];
}
