/**
 * The small part of the catalog's state, which travels beside its rows: where they lie, the cluster they
 * belong to and the counters. Stored on disk as JSON: fields are added, never given another meaning.
 */
import { assert } from "@stele/shared/assert.ts";
import { spaceId, type SpaceId } from "@stele/shared/ids.ts";
import type { Counters } from "./rows.ts";

export interface CatalogState {
  /** The space of the store that holds the rows; local to this master. */
  readonly space: SpaceId;
  readonly clusterId: string;
  readonly counters: Counters;
}

const FORMAT = 1;

export function encodeCatalogState(state: CatalogState): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, ...state }));
}

export function decodeCatalogState(bytes: Buffer): CatalogState {
  const raw = JSON.parse(bytes.toString()) as Partial<CatalogState & { format: number }>;
  assert(raw.format === FORMAT, () => `catalog state of an unknown format: ${raw.format}`);
  const { space, clusterId, counters } = raw;
  assert(space !== undefined && clusterId !== undefined && counters !== undefined, "parts missing");
  return { space: spaceId(space), clusterId, counters };
}

/** The state of a catalog that begins to exist, without rows. */
export function firstCatalogState(space: SpaceId, clusterId: string): CatalogState {
  return { space, clusterId, counters: { table: 1, tablet: 1, replica: 1, operation: 1 } };
}
