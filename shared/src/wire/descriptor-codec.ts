/**
 * `TabletDescriptor` in binary: in routing answers between processes, and for whoever stores one.
 * Sent on the wire and stored: a new layout needs a new version byte.
 */
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { LogIndex, ReplicaId, ServerId, TableId, TabletId } from "../ids.ts";
import { isServerId } from "../ids.ts";
import type { RowRange } from "../row-range.ts";
import type {
  Family,
  ReplicaPlacement,
  ReplicaRole,
  TableSchema,
  TabletDescriptor,
} from "../tablet-descriptor.ts";

const DESCRIPTOR_VERSION = 1;
/** Sent as their position: never reorder. */
const ROLES: readonly ReplicaRole[] = ["voter", "learner", "leaving"];

export function writeDescriptor(writer: ByteWriter, descriptor: TabletDescriptor): ByteWriter {
  writer.byte(DESCRIPTOR_VERSION).varint(descriptor.tabletId);
  writeRange(writeSchema(writer, descriptor.schema), descriptor.range);
  writer.varint(descriptor.generation).varint(descriptor.configIndex);
  return writer.list(descriptor.replicas, writeReplica);
}

/** Throws `MalformedFrameError`. */
export function readDescriptor(reader: ByteReader): TabletDescriptor {
  const version = reader.byte();
  if (version !== DESCRIPTOR_VERSION) reader.fail(`unknown descriptor version ${version}`);
  return {
    tabletId: reader.varint() as TabletId,
    schema: readSchema(reader),
    range: readRange(reader),
    generation: reader.varint(),
    configIndex: reader.varint() as LogIndex,
    replicas: reader.list(3, readReplica),
  };
}

export function writeSchema(writer: ByteWriter, schema: TableSchema): ByteWriter {
  return writer
    .varint(schema.tableId)
    .varint(schema.schemaVersion)
    .list(schema.families, (to, { name, number, rule }) =>
      to
        .text(name)
        .u16(number)
        .varint(rule.maxVersions ?? 0),
    );
}

export function readSchema(reader: ByteReader): TableSchema {
  return {
    tableId: reader.varint() as TableId,
    schemaVersion: reader.varint(),
    families: reader.list(4, readFamily),
  };
}

export function writeRange(writer: ByteWriter, range: RowRange): ByteWriter {
  return writeBound(writeBound(writer, range.start), range.end);
}

export function readRange(reader: ByteReader): RowRange {
  return { start: readBound(reader), end: readBound(reader) };
}

/** A row key, or null for an open end. */
export function writeBound(writer: ByteWriter, bound: Buffer | null): ByteWriter {
  return bound === null ? writer.flag(false) : writer.flag(true).bytes(bound);
}

export function readBound(reader: ByteReader): Buffer | null {
  return reader.flag() ? reader.bytes() : null;
}

function readFamily(reader: ByteReader): Family {
  const name = reader.text();
  const number = reader.u16();
  if (number === 0) reader.fail("a family has number 0");
  const maxVersions = reader.varint();
  return { name, number, rule: { maxVersions: maxVersions === 0 ? null : maxVersions } };
}

function writeReplica(writer: ByteWriter, replica: ReplicaPlacement): void {
  writer.varint(replica.replicaId).text(replica.serverId).byte(ROLES.indexOf(replica.role));
}

function readReplica(reader: ByteReader): ReplicaPlacement {
  const replicaId = reader.varint() as ReplicaId;
  const serverId = readServerId(reader);
  const code = reader.byte();
  const role = ROLES[code];
  if (role === undefined) return reader.fail(`unknown replica role ${code}`);
  return { replicaId, serverId, role };
}

export function readServerId(reader: ByteReader): ServerId {
  const text = reader.text();
  if (!isServerId(text)) return reader.fail("a server id is not a lower-case uuid");
  return text;
}
