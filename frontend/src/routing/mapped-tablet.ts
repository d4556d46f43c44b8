/**
 * One tablet as the tablet map knows it: under one generation, so its range never changes. Replicas and
 * leader follow what is heard; only the map changes them.
 */
import type { LogIndex, ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { ReplicaPlacement } from "@stele/shared/tablet-descriptor.ts";

export interface MappedTablet {
  readonly table: string;
  readonly tableId: TableId;
  readonly tabletId: TabletId;
  readonly range: RowRange;
  readonly generation: number;
  readonly configIndex: LogIndex;
  readonly replicas: readonly ReplicaPlacement[];
  /** The server whose replica led when last heard of. */
  readonly leader: ServerId | null;
  /** `doubtful`: a server did not know the tablet, the masters must be asked before it is used again. */
  readonly state: "current" | "doubtful" | "replaced";
  /** Monotonic; afterwards it is refreshed. */
  readonly freshUntilMs: number;
}

/** What map entries and descriptors have in common. */
export interface TabletFacts {
  readonly tabletId: TabletId;
  readonly range: RowRange;
  readonly generation: number;
  readonly configIndex: LogIndex;
  readonly replicas: readonly ReplicaPlacement[];
  /** Undefined: the source does not say. */
  readonly leader?: ServerId | null | undefined;
}
