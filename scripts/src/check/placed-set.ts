/**
 * Which operations of a partition have been placed, with a text that names the set for the search's memory.
 *
 * S1. The text is short: what has an outcome is placed nearly in the order of calls, so only the part
 *     between the first operation not placed and the last one placed is spelled. Operations without an
 *     outcome, which may wait for ever, are numbered apart and spelled whole.
 * S2. "implied" operations have no outcome either, and are not spelled: states that go with sets that differ
 *     in them differ, or nothing behind depends on them.
 * S3. Operations are removed in the reverse of the order in which they were added.
 */
const WORD_BITS = 16;

export type PlacedKind = "known" | "open" | "implied";

export class PlacedSet {
  /** By operation: its bit in `#known`, or -1 - its bit in `#open`. */
  readonly #bitOf: Int32Array;
  readonly #known: Uint16Array;
  readonly #open: Uint16Array;
  /** Of `#open`, what is spelled. */
  readonly #spelledWords: number;
  readonly #knownCount: number;
  readonly #highs: number[] = [-1];
  #first = 0;
  #knownPlaced = 0;

  /** @param kinds by operation, in the order of calls: whether it has an outcome */
  constructor(kinds: readonly PlacedKind[]) {
    this.#bitOf = new Int32Array(kinds.length);
    const open = kinds.filter((kind) => kind === "open").length;
    this.#spelledWords = Math.ceil(open / WORD_BITS);
    const next = { known: 0, open: 0, implied: this.#spelledWords * WORD_BITS };
    kinds.forEach((kind, operation) => {
      const bit = next[kind]++;
      this.#bitOf[operation] = kind === "known" ? bit : -1 - bit;
    });
    this.#knownCount = next.known;
    this.#known = new Uint16Array(Math.ceil(next.known / WORD_BITS));
    this.#open = new Uint16Array(Math.ceil(next.implied / WORD_BITS));
  }

  /** Of the operations that have an outcome. */
  get knownPlaced(): number {
    return this.#knownPlaced;
  }

  /** Nothing that has an outcome is left. */
  get isComplete(): boolean {
    return this.#knownPlaced === this.#knownCount;
  }

  has(operation: number): boolean {
    const bit = this.#bitOf[operation] as number;
    return bit >= 0 ? isSet(this.#known, bit) : isSet(this.#open, -1 - bit);
  }

  add(operation: number): void {
    const bit = this.#bitOf[operation] as number;
    const high = this.#highs.at(-1) as number;
    this.#highs.push(Math.max(high, bit));
    if (bit < 0) return flip(this.#open, -1 - bit);
    flip(this.#known, bit);
    this.#knownPlaced++;
    while (this.#first < this.#knownCount && isSet(this.#known, this.#first)) this.#first++;
  }

  remove(operation: number): void {
    const bit = this.#bitOf[operation] as number;
    this.#highs.pop();
    if (bit < 0) return flip(this.#open, -1 - bit);
    flip(this.#known, bit);
    this.#knownPlaced--;
    this.#first = Math.min(this.#first, bit);
  }

  /** Equal for equal sets together with equal `tag`s, and only for them. `tag` is below 2^32. */
  name(tag: number): string {
    const from = Math.floor(this.#first / WORD_BITS);
    const to = Math.floor((this.#highs.at(-1) as number) / WORD_BITS) + 1;
    const head = String.fromCharCode(
      tag >>> 16,
      tag & 0xffff,
      this.#first >>> 16,
      this.#first & 0xffff,
    );
    return (
      head +
      spelled(this.#open.subarray(0, this.#spelledWords)) +
      (to > from ? spelled(this.#known.subarray(from, to)) : "")
    );
  }
}

function isSet(words: Uint16Array, bit: number): boolean {
  return (((words[bit >>> 4] as number) >>> (bit & 15)) & 1) === 1;
}

function flip(words: Uint16Array, bit: number): void {
  words[bit >>> 4] = (words[bit >>> 4] as number) ^ (1 << (bit & 15));
}

/** Engines bound the number of arguments of a call. */
const SPELLED_AT_ONCE = 4096;

function spelled(words: Uint16Array): string {
  if (words.length <= SPELLED_AT_ONCE) return String.fromCharCode(...words);
  return (
    String.fromCharCode(...words.subarray(0, SPELLED_AT_ONCE)) +
    spelled(words.subarray(SPELLED_AT_ONCE))
  );
}
