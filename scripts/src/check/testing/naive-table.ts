/**
 * A table as simply as can be, to make histories with: rows of columns, versions, stored results of
 * requests. Knows nothing of the checker's model. May be told to commit one fault.
 */
import type {
  Columns,
  GetOperation,
  RowMutation,
  RowOutcome,
  ScannedOutcome,
  WriteOperation,
  WrittenOutcome,
} from "../history/row-operation.ts";

/** The effect to spoil, counted from 0 among the effects of its kind. */
export interface Fault {
  readonly kind: "lost-write" | "double-increment" | "stale-read";
  readonly at: number;
}

interface StoredRow {
  readonly version: number;
  readonly columns: Columns;
}

export class NaiveTable {
  readonly #rows = new Map<string, StoredRow>();
  /** All that each row ever was. */
  readonly #past = new Map<string, StoredRow[]>();
  readonly #results = new Map<string, WrittenOutcome>();
  readonly #fault: Fault | null;
  readonly #effects = { "lost-write": 0, "double-increment": 0, "stale-read": 0 };
  #version = 1_000_000;

  constructor(fault: Fault | null) {
    this.#fault = fault;
  }

  get({ key, columns: names }: GetOperation): RowOutcome {
    const row = this.#rows.get(key) ?? null;
    const older = this.#past.get(key)?.filter(({ version }) => version !== row?.version) ?? [];
    const stale = older.length > 0 && this.#isSpoiled("stale-read") ? older.at(-1) : undefined;
    const shown = stale ?? row;
    if (shown === null) return { kind: "read", row: null };
    const columns = new Map(
      [...shown.columns].filter(([name]) => names === null || names.includes(name)),
    );
    return { kind: "read", row: { version: shown.version, columns } };
  }

  /** Rows from `start` on (inclusive; null: the first), at most `limit`. */
  scan(start: string | null, limit: number): ScannedOutcome {
    const keys = [...this.#rows.keys()].filter((key) => start === null || key >= start).sort();
    const rows = keys
      .slice(0, limit)
      .map((key) => ({ key, ...(this.#rows.get(key) as StoredRow) }));
    return { kind: "scanned", rows, resume: keys[limit] ?? null };
  }

  write(operation: WriteOperation, request: string | null): RowOutcome {
    const stored = request === null ? undefined : this.#results.get(request);
    if (stored !== undefined) return stored;
    const { key, expected, mutations } = operation;
    const row = this.#rows.get(key) ?? null;
    const version = row?.version ?? null;
    const wanted = expected.kind === "version" ? expected.version : null;
    if (expected.kind !== "anything" && version !== wanted) {
      return { kind: "failed", code: "VERSION_MISMATCH", version };
    }
    const before = row?.columns ?? new Map<string, string>();
    const { columns, computed } = changed(before, mutations);
    const isDelete = mutations.every(({ kind }) => kind === "delete-row");
    if (isDelete && row === null) return { kind: "written", version, matched: true, computed };
    const spoiled = !isDelete && this.#isSpoiled("lost-write");
    this.#version += 10;
    const outcome: WrittenOutcome = {
      kind: "written",
      version: columns.size === 0 ? null : this.#version,
      matched: true,
      computed,
    };
    if (request !== null) this.#results.set(request, outcome);
    if (spoiled) return outcome;
    this.#store(key, columns);
    if (computed.size > 0 && this.#isSpoiled("double-increment")) {
      this.#version += 10;
      this.#store(key, changed(columns, mutations).columns);
    }
    return outcome;
  }

  #store(key: string, columns: Columns): void {
    if (columns.size === 0) {
      this.#rows.delete(key);
      return;
    }
    const row = { version: this.#version, columns };
    this.#rows.set(key, row);
    const past = this.#past.get(key) ?? [];
    past.push(row);
    this.#past.set(key, past);
  }

  #isSpoiled(kind: Fault["kind"]): boolean {
    return this.#effects[kind]++ === this.#fault?.at && this.#fault.kind === kind;
  }
}

/** 0 where there is none. */
export function counterOf(columns: Columns | null | undefined, column: string): number {
  return Number(/"(-?\d+)"/.exec(columns?.get(column) ?? "")?.[1] ?? 0);
}

/** Knows what the generator sends: whole rows, deletes, increments, sets. */
function changed(
  before: Columns,
  mutations: readonly RowMutation[],
): { readonly columns: Columns; readonly computed: Columns } {
  const columns = new Map(before);
  const computed = new Map<string, string>();
  for (const mutation of mutations) {
    if (mutation.kind === "delete-row") columns.clear();
    else if (mutation.kind === "set") columns.set(mutation.column, mutation.value);
    else if (mutation.kind === "increment") {
      const old = counterOf(columns, mutation.column);
      const value = `{"int64":"${old + Number(mutation.amount)}"}`;
      columns.set(mutation.column, value);
      computed.set(mutation.column, value);
    } else throw new Error(`the generator sends no ${mutation.kind}`);
  }
  return { columns, computed };
}
