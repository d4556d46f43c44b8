/**
 * Row effects in log entries. Stored on disk and sent between servers: never renumber a kind.
 */
import { unreachable } from "@stele/shared/assert.ts";
import type { ByteReader } from "@stele/shared/bytes/byte-reader.ts";
import type { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import type { Version } from "@stele/shared/ids.ts";
import { readOptionalVersion, writeOptionalVersion } from "@stele/shared/wire/row-write-codec.ts";
import type { CellChange, RowEffect } from "./effects.ts";

const PUT_ROW = 1;
const CHANGE_ROW = 2;
const DELETE_ROW = 3;

const SET = 1;
const DELETE_COLUMN = 2;
const DELETE_FAMILY = 3;
const DELETE_ALL = 4;

export function writeEffect(writer: ByteWriter, effect: RowEffect): ByteWriter {
  switch (effect.kind) {
    case "put-row":
      return writer.byte(PUT_ROW).bytes(effect.key).bytes(effect.record);
    case "change-row":
      writer.byte(CHANGE_ROW).bytes(effect.key).counter(effect.version);
      return writer.list(effect.changes, writeChange);
    case "delete-row":
      return writer.byte(DELETE_ROW).bytes(effect.key);
    default:
      return unreachable(effect);
  }
}

/** Throws `MalformedFrameError`. Byte strings are views into the input. */
export function readEffect(reader: ByteReader): RowEffect {
  const kind = reader.byte();
  const key = reader.bytes();
  switch (kind) {
    case PUT_ROW:
      return { kind: "put-row", key, record: reader.bytes() };
    case CHANGE_ROW: {
      const version = reader.counter() as Version;
      return { kind: "change-row", key, version, changes: reader.list(1, readChange) };
    }
    case DELETE_ROW:
      return { kind: "delete-row", key };
    default:
      return reader.fail(`unknown kind of effect ${kind}`);
  }
}

/** About the bytes that the effect takes in an entry: what batches are cut by. */
export function effectSize(effect: RowEffect): number {
  const head = 16 + effect.key.length;
  switch (effect.kind) {
    case "put-row":
      return head + effect.record.length;
    case "change-row":
      return effect.changes.reduce((size, change) => size + changeSize(change), head);
    case "delete-row":
      return head;
    default:
      return unreachable(effect);
  }
}

function changeSize(change: CellChange): number {
  const qualifier = "qualifier" in change ? change.qualifier.length : 0;
  return 28 + qualifier + ("value" in change ? change.value.length : 0);
}

function writeChange(writer: ByteWriter, change: CellChange): ByteWriter {
  switch (change.kind) {
    case "set":
      writer.byte(SET).u16(change.family).bytes(change.qualifier).counter(change.timestamp);
      return writer
        .flag(change.int64)
        .varint(change.keep ?? 0)
        .bytes(change.value);
    case "delete-column":
      writer.byte(DELETE_COLUMN).u16(change.family).bytes(change.qualifier);
      return writeOptionalVersion(writeOptionalVersion(writer, change.from), change.to);
    case "delete-family":
      return writer.byte(DELETE_FAMILY).u16(change.family);
    case "delete-all":
      return writer.byte(DELETE_ALL);
    default:
      return unreachable(change);
  }
}

function readChange(reader: ByteReader): CellChange {
  const kind = reader.byte();
  switch (kind) {
    case SET:
      return readSet(reader);
    case DELETE_COLUMN: {
      const family = reader.u16();
      const qualifier = reader.bytes();
      const from = readOptionalVersion(reader);
      return { kind: "delete-column", family, qualifier, from, to: readOptionalVersion(reader) };
    }
    case DELETE_FAMILY:
      return { kind: "delete-family", family: reader.u16() };
    case DELETE_ALL:
      return { kind: "delete-all" };
    default:
      return reader.fail(`unknown kind of change ${kind}`);
  }
}

function readSet(reader: ByteReader): CellChange {
  const family = reader.u16();
  const qualifier = reader.bytes();
  const timestamp = reader.counter() as Version;
  const int64 = reader.flag();
  const keep = reader.varint();
  const value = reader.bytes();
  const kept = keep === 0 ? null : keep;
  return { kind: "set", family, qualifier, timestamp, int64, keep: kept, value };
}
