// How far an import of a file got: `<file>.stele-import` beside it, gone when the import is complete.
import { rmSync, statSync } from "node:fs";
import { readIfPresent } from "../../launch/cluster-directory.ts";
import { replaceFile } from "../../launch/atomic-file.ts";
import { usageError } from "../cli-error.ts";

export interface ImportPosition {
  /** Lines (CSV: records) decided so far. */
  readonly line: number;
  /** Bytes of the file behind them. */
  readonly offset: number;
  /** Rows among them, for the check of an `end` line. */
  readonly rows: number;
  readonly failed: number;
  /** Length of the rejects file then. */
  readonly rejectsBytes: number;
}

interface Checkpoint extends ImportPosition {
  readonly table: string;
  /** Names this import, also over restarts: idempotency keys are made of it. */
  readonly id: string;
  readonly size: number;
  readonly mtimeMs: number;
}

export const IMPORT_START: ImportPosition = {
  line: 0,
  offset: 0,
  rows: 0,
  failed: 0,
  rejectsBytes: 0,
};

export class ImportCheckpoint {
  readonly id: string;
  readonly position: ImportPosition;
  readonly #path: string;
  readonly #guard: { readonly table: string; readonly size: number; readonly mtimeMs: number };

  private constructor(
    path: string,
    guard: { readonly table: string; readonly size: number; readonly mtimeMs: number },
    found: { readonly id: string; readonly position: ImportPosition },
  ) {
    this.#path = path;
    this.#guard = guard;
    this.id = found.id;
    this.position = found.position;
  }

  /** `newId` names a new import. Throws a usage error if the file is not the one begun. */
  static open(
    file: string,
    {
      table,
      fresh,
      newId,
    }: { readonly table: string; readonly fresh: boolean; readonly newId: string },
  ): ImportCheckpoint {
    const path = `${file}.stele-import`;
    const { size, mtimeMs } = statSync(file);
    const guard = { table, size, mtimeMs };
    if (fresh) rmSync(path, { force: true });
    const before = readCheckpoint(path);
    if (before === null) {
      return new ImportCheckpoint(path, guard, { id: newId, position: IMPORT_START });
    }
    if (before.table !== table || before.size !== size || before.mtimeMs !== mtimeMs) {
      const what = before.table === table ? "the file has changed" : `into ${before.table}`;
      throw usageError(
        `an import of ${file} was begun and not finished, ${what}`,
        "Add --from-start to begin anew.",
      );
    }
    return new ImportCheckpoint(path, guard, { id: before.id, position: before });
  }

  save({ line, offset, rows, failed, rejectsBytes }: ImportPosition): void {
    const checkpoint: Checkpoint = {
      ...this.#guard,
      id: this.id,
      line,
      offset,
      rows,
      failed,
      rejectsBytes,
    };
    replaceFile(this.#path, `${JSON.stringify(checkpoint)}\n`);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

function readCheckpoint(path: string): Checkpoint | null {
  const text = readIfPresent(path);
  if (text === null) return null;
  const damaged = usageError(`${path} is damaged`, "Remove it to begin the import anew.");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged;
  }
  const checkpoint = value as Checkpoint;
  const { line, offset, rows, failed, rejectsBytes, size, mtimeMs } = checkpoint;
  const numbers = [line, offset, rows, failed, rejectsBytes, size, mtimeMs];
  const isWhole = typeof checkpoint.id === "string" && typeof checkpoint.table === "string";
  if (!isWhole || !numbers.every((each) => typeof each === "number" && each >= 0)) throw damaged;
  return checkpoint;
}
