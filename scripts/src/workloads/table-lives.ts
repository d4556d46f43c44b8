/**
 * What was done to one table name, and what rows it showed when: from one life of the name to the next, created and
 * dropped under it, nothing may be handed down.
 *
 * L1. A name lives from a creation to a drop. Times are numbers in the order of events; what is not answered has the
 *     time `Infinity`.
 * L2. A row shown was written in a life that both the write and the read overlap.
 * L3. What was acknowledged within a life is shown by every read of it in the rest of that life.
 * L4. A read or write wholly between two lives is not served; one wholly within a life is not told that there is no
 *     such table.
 */
export interface TableLife {
  createCalled: number;
  created: number;
  dropCalled: number;
  dropped: number;
}

export interface TableWrite {
  readonly client: string;
  readonly key: string;
  /** Nobody else writes it. */
  readonly value: string;
  readonly called: number;
  returned: number;
  outcome: "acknowledged" | "refused" | "no-table" | "unknown";
}

export interface TableRead {
  readonly client: string;
  readonly called: number;
  readonly returned: number;
  /** Null: it was told that there is no such table. */
  readonly rows: ReadonlyMap<string, string | null> | null;
  /** Whether what is not in `rows` was not there. */
  readonly covers: (key: string) => boolean;
}

export class TableLives {
  readonly lives: TableLife[] = [];
  readonly writes: TableWrite[] = [];
  readonly reads: TableRead[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  problems(): string[] {
    return [
      ...this.writes.flatMap((write) => this.#writeProblems(write)),
      ...this.reads.flatMap((read) => this.#readProblems(read)),
    ];
  }

  #writeProblems(write: TableWrite): string[] {
    const what = `the write of ${write.value} by ${write.client}`;
    if (write.outcome === "acknowledged" && !this.#isServable(write)) {
      return [`${what} to ${this.#name} was acknowledged while there was no such table`];
    }
    const isDenied = write.outcome === "no-table" && this.#lifeAround(write) !== undefined;
    return isDenied ? [`${what} was told that there is no ${this.#name}, which was there`] : [];
  }

  #readProblems(read: TableRead): string[] {
    const { rows, client } = read;
    const life = this.#lifeAround(read);
    if (rows === null) {
      return life === undefined
        ? []
        : [`a read by ${client} was told that there is no ${this.#name}, which was there`];
    }
    if (!this.#isServable(read)) {
      return [`a read of ${this.#name} by ${client} was answered while there was no such table`];
    }
    const problems = [...rows]
      .filter(([key, value]) => !this.#mayShow(read, key, value))
      .map(
        ([key, value]) =>
          `${this.#name} showed ${client} the row ${key} = ${value}, of no life of then`,
      );
    if (life === undefined) return problems;
    const missing = this.writes.filter(
      (write) =>
        write.outcome === "acknowledged" &&
        write.called >= life.created &&
        write.returned <= read.called &&
        read.covers(write.key) &&
        !rows.has(write.key),
    );
    return [
      ...problems,
      ...missing.map(({ value }) => `${this.#name} did not show ${client} the row of ${value}`),
    ];
  }

  #mayShow(read: TableRead, key: string, value: string | null): boolean {
    const write = this.writes.find((each) => each.key === key && each.value === value);
    if (write === undefined || write.outcome === "refused" || write.outcome === "no-table") {
      return false;
    }
    const isBefore = write.called < read.returned;
    return isBefore && this.lives.some((life) => overlaps(life, write) && overlaps(life, read));
  }

  #isServable(call: { readonly called: number; readonly returned: number }): boolean {
    return this.lives.some((life) => overlaps(life, call));
  }

  /** The life that surely lasted all through the call. */
  #lifeAround(call: { readonly called: number; readonly returned: number }): TableLife | undefined {
    return this.lives.find(
      ({ created, dropCalled }) => created <= call.called && call.returned <= dropCalled,
    );
  }
}

function overlaps(
  { createCalled, dropped }: TableLife,
  { called, returned }: { readonly called: number; readonly returned: number },
): boolean {
  return createCalled < returned && called < dropped;
}
