/**
 * Randomness, passed in. Nothing in Stele draws from a global source: a seed decides a simulated
 * run, and the system source serves the real processes.
 */
import { randomBytes, randomInt, randomUUID } from "node:crypto";

export interface Random {
  /** A uniform integer in [0, bound); 1 <= bound <= 2^32. */
  below(bound: number): number;
  /** A fresh lower-case uuid. */
  uuid(): string;
  /** `length` random bytes. */
  bytes(length: number): Buffer;
}

export const systemRandom: Random = {
  below: (bound) => randomInt(bound),
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
};

/** A reproducible source: sfc32 seeded from one 32-bit number. Not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    this.#b = 0x9e3779b9;
    this.#c = 0x243f6a88;
    for (let round = 0; round < 12; round++) this.#next();
  }

  below(bound: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * bound);
  }

  uuid(): string {
    const hex = this.bytes(16).toString("hex");
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `8${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join("-");
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.#next() & 0xff;
    return bytes;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
