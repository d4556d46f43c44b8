/**
 * Every key that a tablet keeps in its server's store. Stored on disk: never renumber.
 *
 *   0x10, space id u64, kind, rest                    all numbers big-endian
 *
 * | kind | rest                                          | value                              |
 * |------|-----------------------------------------------|------------------------------------|
 * | 0x01 | row key                                       | storage/row-record.ts              |
 * | 0x02 | row key escaped, 00 01, idempotency key       | tablet/idempotency.ts              |
 * | 0x03 | tablet id u64, log index u64                  | tablet/retry-record.ts             |
 *
 * The keys below 0x10 belong to the replication host (shared/src/replication/host-keys.ts): replica and
 * applied states, tombstones, the garbage list and the counter of space ids.
 *
 * K1. Byte order of the rows' keys is the order of their row keys: rows are stored unescaped, and a scan
 *     meets nothing but rows.
 * K2. The records of a range of rows are two contiguous ranges of keys, one of each of the first two kinds.
 *     To make this hold for keys that are prefixes of one another, the row key before an idempotency key
 *     is escaped in an order that no byte disturbs: 00 becomes 00 FF, and 00 01 ends it.
 * K3. Two tablets may share a space after a split; a retry record belongs to one tablet, so it names it.
 * K4. What follows the space id does not depend on where the data lies: snapshots carry that part.
 */
import { assert } from "@stele/shared/assert.ts";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { putCounter } from "@stele/shared/bytes/varint.ts";
import type { LogIndex, SpaceId, TabletId } from "@stele/shared/ids.ts";
import type { RowRange } from "@stele/shared/row-range.ts";

const DATA = 0x10;
const ROWS = 0x01;
const IDEMPOTENCY = 0x02;
const RETRIES = 0x03;

const SPACE_BYTES = 9;
const PREFIX_BYTES = SPACE_BYTES + 1;
const COUNTER_BYTES = 8;
const ESCAPED_ZERO = 0xff;
const TERMINATOR = 0x01;

/** Store keys, [start, end). */
export interface StoreKeyRange {
  /** Inclusive. */
  readonly start: Buffer;
  /** Exclusive. */
  readonly end: Buffer;
}

interface IdempotencyKeyParts {
  readonly rowKey: Buffer;
  readonly idempotencyKey: string;
}

export type RelativeKeyParts =
  | { readonly kind: "row"; readonly rowKey: Buffer }
  | ({ readonly kind: "idempotency" } & IdempotencyKeyParts)
  | { readonly kind: "retries" };

export function rowStoreKey(space: SpaceId, rowKey: Buffer): Buffer {
  const key = keyOf(space, ROWS, rowKey.length);
  key.set(rowKey, PREFIX_BYTES);
  return key;
}

/** The row key in a key that `rowStoreKey` made; a view. */
export function rowKeyOfStoreKey(storeKey: Buffer): Buffer {
  assert(isKind(storeKey, ROWS), () => `not the key of a row: ${storeKey.toString("hex")}`);
  return storeKey.subarray(PREFIX_BYTES);
}

export function rowBounds(space: SpaceId, { start, end }: RowRange): StoreKeyRange {
  return {
    start: rowStoreKey(space, start ?? Buffer.of()),
    end: end === null ? keyOf(space, ROWS + 1, 0) : rowStoreKey(space, end),
  };
}

export function idempotencyStoreKey(
  space: SpaceId,
  rowKey: Buffer,
  idempotencyKey: string,
): Buffer {
  return beforeIdempotencyKeys(space, rowKey, Buffer.from(idempotencyKey));
}

/** What `idempotencyStoreKey` put together. Throws `MalformedFrameError` for other bytes. */
export function decodeIdempotencyStoreKey(storeKey: Buffer): IdempotencyKeyParts {
  assert(
    isKind(storeKey, IDEMPOTENCY),
    () => `not of an idempotency record: ${storeKey.toString("hex")}`,
  );
  return readIdempotencyKey(new ByteReader(storeKey, PREFIX_BYTES));
}

export function idempotencyBounds(space: SpaceId, { start, end }: RowRange): StoreKeyRange {
  return {
    start:
      start === null ? keyOf(space, IDEMPOTENCY, 0) : beforeIdempotencyKeys(space, start, NOTHING),
    end:
      end === null ? keyOf(space, IDEMPOTENCY + 1, 0) : beforeIdempotencyKeys(space, end, NOTHING),
  };
}

export function retryStoreKey(space: SpaceId, tablet: TabletId, index: LogIndex): Buffer {
  const key = keyOf(space, RETRIES, 2 * COUNTER_BYTES);
  putCounter(key, putCounter(key, PREFIX_BYTES, tablet), index);
  return key;
}

/** The log index in a key that `retryStoreKey` made. */
export function indexOfRetryStoreKey(storeKey: Buffer): LogIndex {
  assert(isKind(storeKey, RETRIES), () => `not of a retry record: ${storeKey.toString("hex")}`);
  return new ByteReader(storeKey, PREFIX_BYTES + COUNTER_BYTES).counter() as LogIndex;
}

/** The retry records of one tablet, in log order. */
export function retryBounds(space: SpaceId, tablet: TabletId): StoreKeyRange {
  const start = keyOf(space, RETRIES, COUNTER_BYTES);
  putCounter(start, PREFIX_BYTES, tablet);
  const end = keyOf(space, RETRIES, COUNTER_BYTES);
  end.writeBigUInt64BE(BigInt(tablet) + 1n, PREFIX_BYTES);
  return { start, end };
}

/** The part of a key that does not name its space (K4); a view. */
export function relativeKey(storeKey: Buffer): Buffer {
  assert(storeKey[0] === DATA && storeKey.length >= PREFIX_BYTES, "a key of a tablet's data");
  return storeKey.subarray(SPACE_BYTES);
}

/** Where a relative key lies in `space`. */
export function keyInSpace(space: SpaceId, relative: Buffer): Buffer {
  const key = Buffer.allocUnsafe(SPACE_BYTES + relative.length);
  key[0] = DATA;
  putCounter(key, 1, space);
  key.set(relative, SPACE_BYTES);
  return key;
}

/** What a relative key says of its record. Throws `MalformedFrameError` for keys that nobody made. */
export function splitRelativeKey(relative: Buffer): RelativeKeyParts {
  const reader = new ByteReader(relative);
  const kind = reader.byte();
  switch (kind) {
    case ROWS:
      return { kind: "row", rowKey: reader.rest() };
    case IDEMPOTENCY:
      return { kind: "idempotency", ...readIdempotencyKey(reader) };
    case RETRIES:
      return { kind: "retries" };
    default:
      return reader.fail(`no record has a key of kind ${kind}`);
  }
}

function readIdempotencyKey(reader: ByteReader): IdempotencyKeyParts {
  const rowKey = Buffer.allocUnsafe(reader.remaining);
  let length = 0;
  for (;;) {
    const byte = reader.byte();
    if (byte === 0) {
      const mark = reader.byte();
      if (mark === TERMINATOR) break;
      if (mark !== ESCAPED_ZERO) reader.fail(`00 is followed by ${mark} in an escaped key`);
    }
    rowKey[length++] = byte;
  }
  return { rowKey: rowKey.subarray(0, length), idempotencyKey: reader.rest().toString("utf8") };
}

const NOTHING = Buffer.of();

/** Prefix, escaped row key, terminator, then `tail`. */
function beforeIdempotencyKeys(space: SpaceId, rowKey: Buffer, tail: Buffer): Buffer {
  let zeros = 0;
  for (const byte of rowKey) if (byte === 0) zeros++;
  const key = keyOf(space, IDEMPOTENCY, rowKey.length + zeros + 2 + tail.length);
  let at = PREFIX_BYTES;
  for (const byte of rowKey) {
    key[at++] = byte;
    if (byte === 0) key[at++] = ESCAPED_ZERO;
  }
  key[at++] = 0;
  key[at++] = TERMINATOR;
  key.set(tail, at);
  return key;
}

/** A key with its prefix filled in and `restBytes` to fill. */
function keyOf(space: SpaceId, kind: number, restBytes: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + restBytes);
  key[0] = DATA;
  putCounter(key, 1, space);
  key[SPACE_BYTES] = kind;
  return key;
}

function isKind(storeKey: Buffer, kind: number): boolean {
  return storeKey[0] === DATA && storeKey[SPACE_BYTES] === kind;
}
