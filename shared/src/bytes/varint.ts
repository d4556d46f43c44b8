/**
 * Integers in buffers: LEB128 varints and 8-byte big-endian counters, both limited to [0, 2^53).
 *
 * The `put` functions write at an offset of a buffer that the caller sized exactly, and return the
 * offset behind what they wrote; `ByteWriter` and `ByteReader` are built on the same formats.
 */
import { assert } from "../assert.ts";

/** The longest varint of a number below 2^53. */
export const MAX_VARINT_BYTES = 8;

/** Bytes of `value` as a varint: 7 bits a byte, the lowest first. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = value / 0x8_0000_0000; rest >= 1; rest /= 0x80) size++;
  return size;
}

/** @param value an integer in [0, 2^53) */
export function putVarint(bytes: Buffer, at: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "a varint holds an integer in [0, 2^53)");
  let rest = value;
  let next = at;
  while (rest >= 0x8000_0000) {
    bytes[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[next++] = rest;
  return next;
}

/** 8 bytes, big-endian, so that byte order is number order. */
export function putCounter(bytes: Buffer, at: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "a counter is an integer in [0, 2^53)");
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
  return at + 8;
}
