/**
 * What reads ask for, in binary: `Projection` and `ScanRequest`.
 */
import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { Projection, ScanRequest } from "../row-operations.ts";
import { readBound, writeBound } from "./descriptor-codec.ts";
import { readOptionalVersion, writeOptionalVersion } from "./row-write-codec.ts";

export function writeProjection(writer: ByteWriter, projection: Projection): void {
  writer.flag(projection.keysOnly);
  writeOptionalVersion(writer, projection.timestamp);
  writer.varint(projection.versions ?? 0);
  writer.flag(projection.columns !== null);
  if (projection.columns !== null) writer.list(projection.columns, writeWanted);
}

/** Throws `MalformedFrameError`. */
export function readProjection(reader: ByteReader): Projection {
  const keysOnly = reader.flag();
  const timestamp = readOptionalVersion(reader);
  const versions = reader.varint();
  return {
    keysOnly,
    timestamp,
    versions: versions === 0 ? null : versions,
    columns: reader.flag() ? reader.list(2, readWanted) : null,
  };
}

export function writeScanRequest(writer: ByteWriter, scan: ScanRequest): void {
  writeBound(writer, scan.start);
  writeBound(writer, scan.end);
  writer.flag(scan.reverse);
  writer.flag(scan.countOnly);
  writer.varint(scan.limit);
  writer.varint(scan.byteBudget);
  writeProjection(writer, scan.projection);
}

export function readScanRequest(reader: ByteReader): ScanRequest {
  return {
    start: readBound(reader),
    end: readBound(reader),
    reverse: reader.flag(),
    countOnly: reader.flag(),
    limit: reader.varint(),
    byteBudget: reader.varint(),
    projection: readProjection(reader),
  };
}

type Wanted = NonNullable<Projection["columns"]>[number];

function writeWanted(writer: ByteWriter, wanted: Wanted): void {
  writer.text(wanted.family);
  writer.flag(wanted.qualifier !== null);
  if (wanted.qualifier !== null) writer.bytes(wanted.qualifier);
}

function readWanted(reader: ByteReader): Wanted {
  return { family: reader.text(), qualifier: reader.flag() ? reader.bytes() : null };
}
