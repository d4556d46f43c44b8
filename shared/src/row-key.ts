/** Row keys: 1 to 4096 bytes, ordered bytewise. */
export const MAX_KEY_BYTES = 4096;

export function isRowKey(key: Buffer): boolean {
  return key.length >= 1 && key.length <= MAX_KEY_BYTES;
}

/** Negative, zero or positive, in byte order; never JavaScript's string order. */
export function compareRowKeys(a: Buffer, b: Buffer): number {
  return Buffer.compare(a, b);
}

/**
 * The key as a string with one character a byte: a cheap map key whose `<` is byte order.
 */
export function rowKeyText(key: Buffer): string {
  return key.toString("latin1");
}

/** The smallest key above `key`: the exclusive form of an inclusive lower bound. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}

/** The smallest key above every key that starts with `prefix`; null: there is none. */
export function prefixEnd(prefix: Buffer): Buffer | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
