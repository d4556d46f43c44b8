/** The rows of one table in memory, as the REST API describes what becomes of them. */
import { runMutations } from "../../check/models/row-mutations.ts";
import type {
  Columns,
  ReadOutcome,
  ScannedOutcome,
  ScanOperation,
  WriteOperation,
} from "../../check/history/row-operation.ts";
import type { WriteAnswer } from "../store-client.ts";

interface StoredRow {
  readonly version: number;
  readonly columns: Columns;
}

export class MemoryRows {
  readonly #rows = new Map<string, StoredRow>();
  /** What each row was before its last write; null: none. */
  readonly #before = new Map<string, StoredRow | null>();
  readonly #results = new Map<string, WriteAnswer>();
  #version = 1_000_000;

  get(key: string, names: readonly string[] | null, when: "now" | "before"): ReadOutcome {
    const row = (when === "now" ? undefined : this.#before.get(key)) ?? this.#rows.get(key);
    if (row === undefined) return { kind: "read", row: null };
    return { kind: "read", row: { ...row, columns: projected(row.columns, names) } };
  }

  scan(scan: Omit<ScanOperation, "kind"> & { readonly limit: number }): ScannedOutcome {
    const { start, end, reverse, columns: names, limit } = scan;
    const keys = [...this.#rows.keys()]
      .filter((key) => (start === null || key >= start) && (end === null || key < end))
      .sort();
    if (reverse) keys.reverse();
    const taken = keys.slice(0, limit);
    const rows = taken.flatMap((key) => {
      const { version, columns } = this.#rows.get(key) as StoredRow;
      const kept = projected(columns, names);
      return kept.size === 0 ? [] : [{ key, version, columns: kept }];
    });
    const next = keys.length > limit ? (reverse ? taken.at(-1) : keys[limit]) : undefined;
    return { kind: "scanned", rows, resume: next ?? null };
  }

  write(
    operation: WriteOperation,
    how: { readonly request: string | null; readonly effect: "once" | "twice" | "lost" },
  ): WriteAnswer {
    const id = how.request === null ? null : `${operation.key} ${how.request}`;
    const stored = id === null ? undefined : this.#results.get(id);
    if (stored !== undefined) return stored;
    const kept = this.#rows.get(operation.key);
    const answer = this.#apply(operation);
    if (answer?.kind !== "written" || !answer.matched) return answer;
    // Only what changed the row is remembered.
    const isChanged = this.#rows.get(operation.key) !== kept;
    if (how.effect === "twice") this.#apply(operation);
    if (how.effect === "lost") this.#store(operation.key, kept);
    if (id !== null && isChanged) this.#results.set(id, answer);
    return answer;
  }

  #apply({ key, expected, test, mutations }: WriteOperation): WriteAnswer {
    const row = this.#rows.get(key);
    const version = row?.version ?? null;
    if (expected.kind === "no-row" && row !== undefined) {
      return { kind: "failed", code: "ROW_EXISTS", version };
    }
    if (expected.kind === "version" && expected.version !== version) {
      return { kind: "failed", code: "VERSION_MISMATCH", version };
    }
    const columns: Columns = row?.columns ?? new Map();
    if (test !== null && (columns.get(test.column) ?? null) !== test.equals) {
      return { kind: "written", version, matched: false, computed: new Map() };
    }
    const run = runMutations(columns, mutations);
    if (run.kind === "refused") return { kind: "failed", code: run.code, version: null };
    const { computed } = run;
    if (run.change === "unchanged") return { kind: "written", version, matched: true, computed };
    this.#version += 10;
    const next =
      run.columns.size === 0 ? undefined : { version: this.#version, columns: run.columns };
    this.#before.set(key, row ?? null);
    this.#store(key, next);
    return { kind: "written", version: next?.version ?? null, matched: true, computed };
  }

  #store(key: string, row: StoredRow | undefined): void {
    if (row === undefined) this.#rows.delete(key);
    else this.#rows.set(key, row);
  }
}

function projected(columns: Columns, names: readonly string[] | null): Columns {
  if (names === null) return columns;
  const families = names.filter((name) => !name.includes(":"));
  const isKept = (column: string): boolean =>
    names.includes(column) || families.some((family) => column.startsWith(`${family}:`));
  return new Map([...columns].filter(([column]) => isKept(column)));
}
