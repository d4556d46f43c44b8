/**
 * Names of things, branded so that one kind is never passed for another. All counters are integers
 * in [0, 2^53).
 */
import { assert } from "./assert.ts";

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A tablet, and the Raft group that replicates it. Allocated by the catalog, never reused. */
export type TabletId = Branded<number, "TabletId">;
/** One replica of one tablet. Allocated by the catalog, never reused, not even on another server. */
export type ReplicaId = Branded<number, "ReplicaId">;
/** A table; a table that is dropped and created again has another id. */
export type TableId = Branded<number, "TableId">;
/** A process's data directory: a uuid minted into it. The operator's name for it is separate. */
export type ServerId = Branded<string, "ServerId">;
/** A Raft term; 0 before the first election. */
export type Term = Branded<number, "Term">;
/** A position in a Raft log; the first entry is 1, and 0 is "before the log". */
export type LogIndex = Branded<number, "LogIndex">;
/** Row version and cell timestamp: microseconds since 1970 as one integer below 2^53. */
export type Version = Branded<number, "Version">;
/** One key space inside a server's store; local to that server, never reused. */
export type SpaceId = Branded<number, "SpaceId">;

/** The Raft group of the masters. Tablets are numbered from 1. */
export const CATALOG_GROUP = 0 as TabletId;

function counter(value: number, what: string): number {
  assert(Number.isSafeInteger(value) && value >= 0, `${what} out of range: ${value}`);
  return value;
}

export const tabletId = (value: number): TabletId => counter(value, "tablet id") as TabletId;
export const replicaId = (value: number): ReplicaId => counter(value, "replica id") as ReplicaId;
export const tableId = (value: number): TableId => counter(value, "table id") as TableId;
export const term = (value: number): Term => counter(value, "term") as Term;
export const logIndex = (value: number): LogIndex => counter(value, "log index") as LogIndex;
export const version = (value: number): Version => counter(value, "version") as Version;
export const spaceId = (value: number): SpaceId => counter(value, "space id") as SpaceId;

const SERVER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export function isServerId(value: string): value is ServerId {
  return SERVER_ID.test(value);
}

export function serverId(value: string): ServerId {
  assert(isServerId(value), `server id is not a lower-case uuid: ${value}`);
  return value;
}
