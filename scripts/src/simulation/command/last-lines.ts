/** The last lines of a long text. */
export class LastLines {
  readonly #max: number;
  #lines: string[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#max) this.#lines = this.all();
  }

  all(): string[] {
    return this.#max === 0 ? [] : this.#lines.slice(-this.#max);
  }
}
