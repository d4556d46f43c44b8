/**
 * Which operations of a partition have been placed, with a text that names the set for the search's memory.
 *
 * S1. The text is short: what has an outcome is placed nearly in the order of calls, so only the part
 *     between the first operation not placed and the last one placed is spelled. Operations without an
 *     outcome, which may wait for ever, are numbered apart and spelled whole.
 * S2. Operations are removed in the reverse of the order in which they were added.
 */
const WORD_BITS = 16;

export class PlacedSet {
  /** By operation: its bit in `#known`, or -1 - its bit in `#open`. */
  readonly #bitOf: Int32Array;
  readonly #known: Uint16Array;
  readonly #open: Uint16Array;
  readonly #knownCount: number;
  readonly #highs: number[] = [-1];
  #first = 0;
  #knownPlaced = 0;

  /** @param isOpen by operation, in the order of calls: it has no outcome */
  constructor(isOpen: readonly boolean[]) {
    this.#bitOf = new Int32Array(isOpen.length);
    let [known, open] = [0, 0];
    isOpen.forEach((lacksOutcome, operation) => {
      this.#bitOf[operation] = lacksOutcome ? -1 - open++ : known++;
    });
    this.#knownCount = known;
    this.#known = new Uint16Array(Math.ceil(known / WORD_BITS));
    this.#open = new Uint16Array(Math.ceil(open / WORD_BITS));
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
    return head + spelled(this.#open) + (to > from ? spelled(this.#known.subarray(from, to)) : "");
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
