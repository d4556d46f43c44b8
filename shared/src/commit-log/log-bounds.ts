/**
 * The `bounds` file: which segments the log consists of. Replaced as a whole, by rename.
 *
 * B1. A new segment is created before `last` names it, and holds no batch before.
 * B2. `first` passes a segment before the segment is deleted.
 * So every segment in [first, last] must exist; one below is a deletion that a crash cut short, and
 * one right above is a creation that a crash cut short.
 */
import { crc32 } from "node:zlib";
import type { ServerId } from "../ids.ts";
import {
  BOUNDS,
  BOUNDS_BYTES,
  BOUNDS_MAGIC,
  FORMAT_VERSION,
  putU64,
  takeU64,
} from "./log-format.ts";
import { putServerId, takeServerId } from "./server-id-bytes.ts";

export interface LogBounds {
  readonly serverId: ServerId;
  /** Both inclusive. */
  readonly first: number;
  readonly last: number;
}

export function encodeBounds(bounds: LogBounds): Buffer {
  const bytes = Buffer.alloc(BOUNDS_BYTES);
  bytes.writeUInt32LE(BOUNDS_MAGIC, BOUNDS.magic);
  bytes.writeUInt32LE(FORMAT_VERSION, BOUNDS.version);
  putServerId(bytes, BOUNDS.serverId, bounds.serverId);
  putU64(bytes, BOUNDS.first, bounds.first);
  putU64(bytes, BOUNDS.last, bounds.last);
  bytes.writeUInt32LE(crc32(bytes.subarray(BOUNDS.version)), BOUNDS.crc);
  return bytes;
}

/** A text says what is wrong with the bytes. */
export function decodeBounds(bytes: Buffer): LogBounds | string {
  if (bytes.length !== BOUNDS_BYTES) return `it has ${bytes.length} bytes, not ${BOUNDS_BYTES}`;
  if (bytes.readUInt32LE(BOUNDS.magic) !== BOUNDS_MAGIC) return "it is not a bounds file";
  if (bytes.readUInt32LE(BOUNDS.crc) !== crc32(bytes.subarray(BOUNDS.version))) {
    return "it fails its checksum";
  }
  const version = bytes.readUInt32LE(BOUNDS.version);
  if (version !== FORMAT_VERSION) {
    return `it has format version ${version}, and this program reads version ${FORMAT_VERSION}`;
  }
  const first = takeU64(bytes, BOUNDS.first);
  const last = takeU64(bytes, BOUNDS.last);
  if (first < 1 || last < first) return `its bounds are ${first} to ${last}`;
  return { serverId: takeServerId(bytes, BOUNDS.serverId), first, last };
}
