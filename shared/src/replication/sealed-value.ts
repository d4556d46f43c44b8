/**
 * A store value with its own checksum over key and value: LevelDB hands out a flipped bit without a word
 * (docs/STORAGE_FORMAT.md), and the host's records decide what a replica may vote for.
 */
import { crc32 } from "node:zlib";

/** A value of the store does not match its checksum. */
export class DamagedValueError extends Error {
  override readonly name = "DamagedValueError";
}

export function sealValue(key: Buffer, value: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(4 + value.length);
  sealed.writeUInt32LE(crc32(value, crc32(key)), 0);
  value.copy(sealed, 4);
  return sealed;
}

/** The value as it was sealed; throws `DamagedValueError`. */
export function openValue(key: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < 4)
    throw new DamagedValueError(`value of ${key.toString("hex")} is too short`);
  const value = sealed.subarray(4);
  if (crc32(value, crc32(key)) !== sealed.readUInt32LE(0)) {
    throw new DamagedValueError(`value of ${key.toString("hex")} does not match its checksum`);
  }
  return value;
}
