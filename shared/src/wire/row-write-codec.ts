/**
 * `RowWrite` in binary. Sent on the wire: never renumber a kind.
 *
 * Timestamps and versions are 8-byte counters; an optional one has a flag byte before it.
 */
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import { unreachable } from "../assert.ts";
import { DatabaseError } from "../errors.ts";
import type { Version } from "../ids.ts";
import { MAX_PREDICATE_DEPTH } from "../row-operations.ts";
import type {
  Column,
  Conditions,
  IdempotencyKey,
  Mutation,
  Predicate,
  RowWrite,
} from "../row-operations.ts";

const SET = 1;
const DELETE_COLUMN = 2;
const DELETE_FAMILY = 3;
const DELETE_ROW = 4;
const INCREMENT = 5;
const APPEND = 6;

const COLUMN_EQUALS = 1;
const COLUMN_EXISTS = 2;
const ROW_EXISTS = 3;
const ROW_VERSION = 4;
const ALL = 5;
const ANY = 6;
const NOT = 7;

const NO_VERSIONS = 0;
const ANY_VERSION = 1;
const THESE_VERSIONS = 2;

/** Throws 400 INVALID_REQUEST when the predicate nests deeper than `MAX_PREDICATE_DEPTH`. */
export function writeRowWrite(writer: ByteWriter, write: RowWrite): void {
  writer.bytes(write.key);
  writeConditions(writer, write.conditions);
  writer.flag(write.predicate !== null);
  if (write.predicate !== null) writePredicate(writer, write.predicate, 1);
  writer.list(write.mutations, writeMutation);
  writer.list(write.otherwise, writeMutation);
  writer.flag(write.idempotency !== null);
  if (write.idempotency !== null) {
    writer.text(write.idempotency.key);
    writer.bytes(write.idempotency.fingerprint);
  }
}

/** Throws `MalformedFrameError`. Byte strings are views into the input. */
export function readRowWrite(reader: ByteReader): RowWrite {
  return {
    key: reader.bytes(),
    conditions: readConditions(reader),
    predicate: reader.flag() ? readPredicate(reader, 1) : null,
    mutations: reader.list(1, readMutation),
    otherwise: reader.list(1, readMutation),
    idempotency: reader.flag() ? readIdempotency(reader) : null,
  };
}

/** Bytes that the parts of any size take, for a writer's first estimate. */
export function rowWriteEstimate(write: RowWrite): number {
  let size = 64 + write.key.length;
  for (const mutation of write.mutations) size += mutationEstimate(mutation);
  for (const mutation of write.otherwise) size += mutationEstimate(mutation);
  return size;
}

function mutationEstimate(mutation: Mutation): number {
  if (mutation.kind === "delete-row" || mutation.kind === "delete-family") return 32;
  const { family, qualifier } = mutation.column;
  const value = "value" in mutation ? mutation.value.length : 8;
  return 32 + family.length + qualifier.length + value;
}

export function writeColumn(writer: ByteWriter, column: Column): ByteWriter {
  return writer.text(column.family).bytes(column.qualifier);
}

export function readColumn(reader: ByteReader): Column {
  return { family: reader.text(), qualifier: reader.bytes() };
}

export function writeOptionalVersion(writer: ByteWriter, version: Version | null): ByteWriter {
  return version === null ? writer.flag(false) : writer.flag(true).counter(version);
}

export function readOptionalVersion(reader: ByteReader): Version | null {
  return reader.flag() ? (reader.counter() as Version) : null;
}

function writeConditions(writer: ByteWriter, conditions: Conditions): void {
  writeVersions(writer, conditions.ifMatch);
  writeVersions(writer, conditions.ifNoneMatch);
  writer.flag(conditions.absent);
}

function readConditions(reader: ByteReader): Conditions {
  return {
    ifMatch: readVersions(reader),
    ifNoneMatch: readVersions(reader),
    absent: reader.flag(),
  };
}

function writeVersions(writer: ByteWriter, versions: Conditions["ifMatch"]): ByteWriter {
  if (versions === null) return writer.byte(NO_VERSIONS);
  if (versions === "any") return writer.byte(ANY_VERSION);
  return writer.byte(THESE_VERSIONS).list(versions, (to, version) => to.counter(version));
}

function readVersions(reader: ByteReader): Conditions["ifMatch"] {
  const kind = reader.byte();
  if (kind === NO_VERSIONS) return null;
  if (kind === ANY_VERSION) return "any";
  if (kind !== THESE_VERSIONS) reader.fail(`unknown kind of condition ${kind}`);
  return reader.list(8, (from) => from.counter() as Version);
}

function readIdempotency(reader: ByteReader): IdempotencyKey {
  return { key: reader.text(), fingerprint: reader.bytes() };
}

function writePredicate(writer: ByteWriter, predicate: Predicate, depth: number): ByteWriter {
  if (depth > MAX_PREDICATE_DEPTH) {
    const detail = `A predicate nests at most ${MAX_PREDICATE_DEPTH} levels deep.`;
    throw new DatabaseError({ code: "INVALID_REQUEST", detail, applied: "no" });
  }
  const nested = (to: ByteWriter, part: Predicate) => writePredicate(to, part, depth + 1);
  switch (predicate.kind) {
    case "column-equals":
      return writeColumn(writer.byte(COLUMN_EQUALS), predicate.column).bytes(predicate.value);
    case "column-exists":
      return writeColumn(writer.byte(COLUMN_EXISTS), predicate.column).flag(predicate.exists);
    case "row-exists":
      return writer.byte(ROW_EXISTS).flag(predicate.exists);
    case "row-version":
      return writer.byte(ROW_VERSION).counter(predicate.version);
    case "all":
      return writer.byte(ALL).list(predicate.of, nested);
    case "any":
      return writer.byte(ANY).list(predicate.of, nested);
    case "not":
      return nested(writer.byte(NOT), predicate.of);
    default:
      return unreachable(predicate);
  }
}

function readPredicate(reader: ByteReader, depth: number): Predicate {
  if (depth > MAX_PREDICATE_DEPTH) reader.fail("a predicate nests too deep");
  const nested = (from: ByteReader) => readPredicate(from, depth + 1);
  const kind = reader.byte();
  switch (kind) {
    case COLUMN_EQUALS:
      return { kind: "column-equals", column: readColumn(reader), value: reader.bytes() };
    case COLUMN_EXISTS:
      return { kind: "column-exists", column: readColumn(reader), exists: reader.flag() };
    case ROW_EXISTS:
      return { kind: "row-exists", exists: reader.flag() };
    case ROW_VERSION:
      return { kind: "row-version", version: reader.counter() as Version };
    case ALL:
      return { kind: "all", of: reader.list(1, nested) };
    case ANY:
      return { kind: "any", of: reader.list(1, nested) };
    case NOT:
      return { kind: "not", of: nested(reader) };
    default:
      return reader.fail(`unknown kind of predicate ${kind}`);
  }
}

function writeMutation(writer: ByteWriter, mutation: Mutation): ByteWriter {
  switch (mutation.kind) {
    case "set":
      writeColumn(writer.byte(SET), mutation.column);
      writeOptionalVersion(writer, mutation.timestamp);
      return writer.flag(mutation.int64).bytes(mutation.value);
    case "delete-column":
      writeColumn(writer.byte(DELETE_COLUMN), mutation.column);
      writeOptionalVersion(writer, mutation.from);
      return writeOptionalVersion(writer, mutation.to);
    case "delete-family":
      return writer.byte(DELETE_FAMILY).text(mutation.family);
    case "delete-row":
      return writer.byte(DELETE_ROW);
    case "increment":
      writeColumn(writer.byte(INCREMENT), mutation.column);
      return writeOptionalVersion(writer, mutation.timestamp).i64(mutation.amount);
    case "append":
      writeColumn(writer.byte(APPEND), mutation.column);
      return writeOptionalVersion(writer, mutation.timestamp).bytes(mutation.value);
    default:
      return unreachable(mutation);
  }
}

function readMutation(reader: ByteReader): Mutation {
  const kind = reader.byte();
  switch (kind) {
    case SET: {
      const column = readColumn(reader);
      const timestamp = readOptionalVersion(reader);
      const int64 = reader.flag();
      return { kind: "set", column, timestamp, int64, value: reader.bytes() };
    }
    case DELETE_COLUMN: {
      const column = readColumn(reader);
      const from = readOptionalVersion(reader);
      return { kind: "delete-column", column, from, to: readOptionalVersion(reader) };
    }
    case DELETE_FAMILY:
      return { kind: "delete-family", family: reader.text() };
    case DELETE_ROW:
      return { kind: "delete-row" };
    case INCREMENT: {
      const column = readColumn(reader);
      const timestamp = readOptionalVersion(reader);
      return { kind: "increment", column, timestamp, amount: reader.i64() };
    }
    case APPEND: {
      const column = readColumn(reader);
      const timestamp = readOptionalVersion(reader);
      return { kind: "append", column, timestamp, value: reader.bytes() };
    }
    default:
      return reader.fail(`unknown kind of mutation ${kind}`);
  }
}
