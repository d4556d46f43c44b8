/** When each row surely existed, as far as its clients' operations tell. Times as in the history. */
export interface Span {
  readonly call: number;
  /** Infinity: no answer. */
  readonly returned: number;
}

interface Lifetime {
  firstWriteCall: number;
  readonly sightings: Span[];
  readonly removals: Span[];
}

export class RowLifetimes {
  readonly #rows = new Map<string, Lifetime>();

  keys(): string[] {
    return [...this.#rows.keys()];
  }

  /** Somebody tried to write it. */
  written(key: string, call: number): void {
    const row = this.#row(key);
    row.firstWriteCall = Math.min(row.firstWriteCall, call);
  }

  /** At some time within the span there was the row. */
  exists(key: string, span: Span): void {
    this.#row(key).sightings.push(span);
  }

  /** At some time within the span it may have been removed. */
  mayBeRemoved(key: string, span: Span): void {
    this.#row(key).removals.push(span);
  }

  mayHaveExisted(key: string, returned: number): boolean {
    return (this.#rows.get(key)?.firstWriteCall ?? Infinity) < returned;
  }

  /** It was there before the span, and nothing can have removed it between then and the span's end. */
  surelyExisted(key: string, during: Span): boolean {
    const { sightings, removals } = this.#row(key);
    const before = sightings.filter(({ returned }) => returned < during.call);
    const latest = before.reduce((call, span) => Math.max(call, span.call), -Infinity);
    if (latest === -Infinity) return false;
    return removals.every(({ call, returned }) => returned < latest || call > during.returned);
  }

  #row(key: string): Lifetime {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { firstWriteCall: Infinity, sightings: [], removals: [] };
      this.#rows.set(key, row);
    }
    return row;
  }
}
