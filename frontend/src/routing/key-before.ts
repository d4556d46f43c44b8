/** The largest row key below a bound: where a scan in reverse begins. */
import { MAX_KEY_BYTES } from "@stele/shared/row-key.ts";

const LARGEST_KEY = Buffer.alloc(MAX_KEY_BYTES, 0xff);

/**
 * Keys have 1 to 4096 bytes, so below every bound there is a largest one. `end` null: the largest of
 * all. Null: no key is below `end`.
 */
export function keyBefore(end: Buffer | null): Buffer | null {
  if (end === null) return LARGEST_KEY;
  if (end.length > MAX_KEY_BYTES) return end.subarray(0, MAX_KEY_BYTES);
  const last = end.at(-1);
  if (last === undefined) return null;
  if (last === 0) return end.length === 1 ? null : end.subarray(0, -1);
  const key = Buffer.alloc(MAX_KEY_BYTES, 0xff);
  end.copy(key);
  key[end.length - 1] = last - 1;
  return key;
}
