/**
 * Where catalog rows lie in the store. Stored on disk: never renumber.
 *
 *     0x20 | space id u64 | row kind u8 | id
 *
 * The part behind the space id is the relative key: it does not change when a snapshot moves the rows to
 * another space, so the checksum of a value covers it instead of the whole key.
 */
import { assert } from "@stele/shared/assert.ts";
import type { SpaceId } from "@stele/shared/ids.ts";
import type { KeyRange } from "@stele/shared/replication/state-machine.ts";

const CATALOG_KIND = 0x20;
const PREFIX_BYTES = 9;

const ROW_KINDS = {
  table: 0x01,
  tablet: 0x02,
  server: 0x03,
  operation: 0x04,
  removed: 0x05,
} as const;
export type RowKind = keyof typeof ROW_KINDS;

const KIND_OF_BYTE = new Map<number, RowKind>(
  (Object.keys(ROW_KINDS) as RowKind[]).map((kind) => [ROW_KINDS[kind], kind]),
);

/** Ids are counters, or the uuid of a server. */
export function relativeKeyOf(kind: RowKind, id: number | string): Buffer {
  if (typeof id === "string") return Buffer.from(`${String.fromCharCode(ROW_KINDS[kind])}${id}`);
  const key = Buffer.allocUnsafe(9);
  key[0] = ROW_KINDS[kind];
  key.writeBigUInt64BE(BigInt(id), 1);
  return key;
}

export function rowKindOf(relativeKey: Buffer): RowKind {
  const kind = KIND_OF_BYTE.get(relativeKey[0] ?? 0);
  assert(kind !== undefined, () => `unknown kind of catalog row: ${relativeKey.toString("hex")}`);
  return kind;
}

export function storeKeyOf(space: SpaceId, relativeKey: Buffer): Buffer {
  return Buffer.concat([prefixOf(space), relativeKey]);
}

export function relativePart(storeKey: Buffer): Buffer {
  assert(storeKey[0] === CATALOG_KIND && storeKey.length > PREFIX_BYTES, "not a catalog key");
  return storeKey.subarray(PREFIX_BYTES);
}

/** All keys of the space. */
export function spaceRange(space: SpaceId): KeyRange {
  return { start: prefixOf(space), end: prefixOf((space + 1) as SpaceId) };
}

function prefixOf(space: SpaceId): Buffer {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix[0] = CATALOG_KIND;
  prefix.writeBigUInt64BE(BigInt(space), 1);
  return prefix;
}
