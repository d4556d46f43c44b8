import type { Random } from "@stele/shared/random.ts";

/** Unique among all processes: a random prefix, then a counter. */
export class RequestIds {
  readonly #prefix: string;
  #count = 0;

  constructor(random: Random) {
    this.#prefix = random.bytes(6).toString("base64url");
  }

  next(): string {
    this.#count++;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }
}
