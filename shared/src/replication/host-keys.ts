/**
 * The store keys that the replication host owns, one byte of kind first. Stored on disk: never renumber.
 * Kinds from 0x10 on belong to the state machines.
 *
 * | kind | key                    | value                                                        |
 * |------|------------------------|--------------------------------------------------------------|
 * | 0x01 | tablet id u64          | applied state: written with every applied batch               |
 * | 0x02 | tablet id u64          | log state: written before each checkpoint                    |
 * | 0x03 | tablet id u64          | tombstone: replicas up to that id may never come back         |
 * | 0x04 | garbage number u64     | a key range to delete in slices                              |
 * | 0x05 | -                      | counters of space ids and garbage numbers                    |
 * | 0x06 | tablet id u64          | suspect: the replica here is damaged and must be replaced    |
 * | 0x07 | -                      | data of a destroyed replica is left, and no list says where  |
 */
import type { TabletId } from "../ids.ts";

export const APPLIED_STATE = 0x01;
export const LOG_STATE = 0x02;
export const TOMBSTONE = 0x03;
export const GARBAGE = 0x04;
const COUNTERS = 0x05;
export const SUSPECT = 0x06;
const UNLISTED = 0x07;

function hostKey(kind: number, number: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = kind;
  key.writeBigUInt64BE(BigInt(number), 1);
  return key;
}

export const appliedStateKey = (tablet: TabletId): Buffer => hostKey(APPLIED_STATE, tablet);
export const logStateKey = (tablet: TabletId): Buffer => hostKey(LOG_STATE, tablet);
export const tombstoneKey = (tablet: TabletId): Buffer => hostKey(TOMBSTONE, tablet);
export const suspectKey = (tablet: TabletId): Buffer => hostKey(SUSPECT, tablet);
export const garbageKey = (number: number): Buffer => hostKey(GARBAGE, number);
export const COUNTERS_KEY = hostKey(COUNTERS, 0);
export const UNLISTED_KEY = hostKey(UNLISTED, 0);

/** Those that belong to the state machines. */
export const MACHINE_KEYS = { start: Buffer.of(0x10), end: Buffer.of(0xff) };

/** The number behind the kind byte. */
export function numberOfHostKey(key: Buffer): number {
  return Number(key.readBigUInt64BE(1));
}

/** All keys of one kind. */
export function hostKeyRange(kind: number): { start: Buffer; end: Buffer } {
  return { start: Buffer.of(kind), end: Buffer.of(kind + 1) };
}
