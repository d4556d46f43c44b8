/** What happened in a simulated run: a simulation that never met a case proves nothing about it. */
export class Marks {
  readonly #counts = new Map<string, number>();

  add(mark: string, count = 1): void {
    this.#counts.set(mark, (this.#counts.get(mark) ?? 0) + count);
  }

  of(mark: string): number {
    return this.#counts.get(mark) ?? 0;
  }

  /** By name. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  addAll(counts: ReadonlyMap<string, number>): void {
    for (const [mark, count] of counts) this.add(mark, count);
  }

  toString(): string {
    const lines = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return lines.map(([mark, count]) => `${mark}: ${count}`).join("\n");
  }
}
