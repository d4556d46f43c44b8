/**
 * A hash of a sequence of numbers, made as they come: two runs whose hashes are equal have, but for
 * an accident of 1 in 2^64, done the same in the same order. Cheap, and no protection against malice.
 */
const bits = new DataView(new ArrayBuffer(8));

export class RollingHash {
  #low = 0x243f6a88;
  #high = 0x9e3779b9;

  add(value: number): void {
    bits.setFloat64(0, value);
    this.#mix(bits.getInt32(0));
    this.#mix(bits.getInt32(4));
  }

  /** Hexadecimal digits, 16 of them. */
  get digest(): string {
    return hex(final(this.#high ^ this.#low)) + hex(final(this.#low));
  }

  #mix(word: number): void {
    // As murmur3 takes a word in, in two lanes that depend on each other.
    const scrambled = Math.imul(word, 0xcc9e2d51);
    const turned = Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
    const low = this.#low ^ turned;
    this.#low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
    const high = Math.imul(this.#high ^ word, 0x85ebca6b);
    this.#high = (((high << 17) | (high >>> 15)) + this.#low) | 0;
  }
}

function final(lane: number): number {
  let mixed = lane ^ (lane >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function hex(lane: number): string {
  return lane.toString(16).padStart(8, "0");
}
