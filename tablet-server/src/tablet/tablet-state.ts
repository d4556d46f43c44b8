/**
 * The small state of a tablet replica, which goes with its applied index in every store batch. The rows
 * themselves lie in the spaces that `spans` names. Stored on disk: a new layout is a new format byte.
 *
 * Z1. `spans` tile `range`, in key order, each part in one space.
 * Z2. `maxVersion` is at least the version of every row and every entry applied, and `age` the age of every entry.
 * Z3. A function of the applied entries and of the replica's own spaces alone.
 */
import { assert } from "@stele/shared/assert.ts";
import { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import {
  spaceId,
  tabletId,
  version,
  type SpaceId,
  type TabletId,
  type Version,
} from "@stele/shared/ids.ts";
import { containsKey, type RowRange } from "@stele/shared/row-range.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import {
  readRange,
  readSchema,
  writeRange,
  writeSchema,
} from "@stele/shared/wire/descriptor-codec.ts";
import { logAge, type LogAge } from "./log-age.ts";

/** A part of the tablet's range and the space that holds its rows. */
export interface Span {
  readonly range: RowRange;
  readonly space: SpaceId;
}

export interface TabletState {
  readonly tabletId: TabletId;
  readonly schema: TableSchema;
  readonly range: RowRange;
  readonly generation: number;
  readonly spans: readonly Span[];
  readonly maxVersion: Version;
  readonly age: LogAge;
  /** Rows, as counted by the entries applied. */
  readonly rows: number;
  /** Bytes of stored idempotency records. */
  readonly idempotencyBytes: number;
  /** The table was dropped: nothing is served any more. */
  readonly dropped: boolean;
  /** As `RetryTable.encodeSequences` gave it. */
  readonly retrySequences: Buffer | null;
}

const FORMAT = 1;

export function encodeTabletState(state: TabletState): Buffer {
  const writer = new ByteWriter(256).byte(FORMAT).varint(state.tabletId);
  writeRange(writeSchema(writer, state.schema), state.range).varint(state.generation);
  writer.list(state.spans, (to, { range, space }) => writeRange(to, range).varint(space));
  writer.counter(state.maxVersion).counter(state.age);
  writer.counter(state.rows).counter(state.idempotencyBytes);
  writer.flag(state.dropped).flag(state.retrySequences !== null);
  if (state.retrySequences !== null) writer.bytes(state.retrySequences);
  return writer.finish();
}

/** Throws `MalformedFrameError`. Free of views into `bytes`. */
export function decodeTabletState(bytes: Buffer): TabletState {
  const reader = new ByteReader(Buffer.from(bytes));
  const format = reader.byte();
  if (format !== FORMAT) reader.fail(`unknown format ${format} of a tablet's state`);
  const state: TabletState = {
    tabletId: tabletId(reader.varint()),
    schema: readSchema(reader),
    range: readRange(reader),
    generation: reader.varint(),
    spans: reader.list(3, (from) => ({ range: readRange(from), space: spaceId(from.varint()) })),
    maxVersion: version(reader.counter()),
    age: logAge(reader.counter()),
    rows: reader.counter(),
    idempotencyBytes: reader.counter(),
    dropped: reader.flag(),
    retrySequences: reader.flag() ? reader.bytes() : null,
  };
  reader.end();
  return state;
}

/** A tablet that begins empty. */
export function newTabletState(begin: {
  readonly tabletId: TabletId;
  readonly schema: TableSchema;
  readonly range: RowRange;
  readonly generation: number;
  readonly space: SpaceId;
}): TabletState {
  const { schema, range, generation, space } = begin;
  return {
    tabletId: begin.tabletId,
    schema,
    range,
    generation,
    spans: [{ range, space }],
    maxVersion: version(0),
    age: logAge(0),
    rows: 0,
    idempotencyBytes: 0,
    dropped: false,
    retrySequences: null,
  };
}

/** The space that holds the row. REQUIRES: the key lies in the tablet's range. */
export function spaceOf(state: TabletState, key: Buffer): SpaceId {
  const span = state.spans.find(({ range }) => containsKey(range, key));
  assert(span !== undefined, "Z1: a key of the tablet lies in a span");
  return span.space;
}

/** Where the records that belong to no row are kept. */
export function firstSpace(state: TabletState): SpaceId {
  const [span] = state.spans;
  assert(span !== undefined, "Z1: a tablet has a span");
  return span.space;
}
