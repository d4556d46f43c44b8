/**
 * The randomness of one run: streams forked from the seed by name, so that what one part draws never shifts what
 * another one does. A run whose faults were taken away draws for its clients, its network and its disks as before.
 */
import { crc32 } from "node:zlib";
import { SeededRandom } from "../random.ts";

export class RandomStreams {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The same name gives the same stream, from its beginning. */
  of(name: string): SeededRandom {
    return new SeededRandom(crc32(name, Math.imul(this.#seed, 0x9e3779b1) >>> 0));
  }
}
