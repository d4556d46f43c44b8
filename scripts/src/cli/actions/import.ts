// Loads a file or standard input into a table.
//
// I1. A file's import can be interrupted at any point, or lose the cluster, and goes on with the same
//     command: a checkpoint file beside it tells how far all is decided.
// I2. What the server refuses goes to a rejects file with the reasons; exit code 7 says so.
import { randomUUID } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { counted } from "../counted.ts";
import { csvSource } from "../import/csv-source.ts";
import { IMPORT_START, ImportCheckpoint } from "../import/import-checkpoint.ts";
import type { ImportPosition } from "../import/import-checkpoint.ts";
import { ImportUpload } from "../import/import-upload.ts";
import type { InputLine, PendingLine } from "../import/import-window.ts";
import { ndjsonSource } from "../import/ndjson-source.ts";
import { RejectsFile } from "../import/rejects-file.ts";
import { durationText, Progress } from "../progress.ts";
import { withSession } from "../session.ts";
import type { GlobalOptions, Session } from "../session.ts";

export interface ImportOptions extends GlobalOptions {
  readonly format?: "ndjson" | "csv";
  readonly int64?: readonly string[];
  readonly retryFor: number;
  readonly maxFailures?: number;
  readonly rejects?: string;
  readonly fromStart?: boolean;
}

const CHECKPOINT_EVERY_MS = 1000;

export function importRows(
  context: CliContext,
  [table = "", file = ""]: readonly string[],
  options: ImportOptions,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const run = new ImportRun(session, table, file, options);
    return run.run();
  });
}

class ImportRun {
  readonly #session: Session;
  readonly #table: string;
  readonly #file: string;
  readonly #options: ImportOptions;
  readonly #checkpoint: ImportCheckpoint | null;
  readonly #rejects: RejectsFile;
  readonly #startedMs = performance.now();
  readonly #totalBytes: number | undefined;
  #position: ImportPosition;
  #imported = 0;
  #savedMs = -Infinity;
  #progress: Progress | null = null;
  #input: Readable | null = null;

  constructor(session: Session, table: string, file: string, options: ImportOptions) {
    this.#session = session;
    this.#table = table;
    this.#file = file;
    this.#options = options;
    const isFile = file !== "-" && options.curl !== true;
    this.#totalBytes = isFile ? fileSize(file) : undefined;
    const newId = randomUUID();
    const fresh = options.fromStart === true;
    this.#checkpoint = isFile ? ImportCheckpoint.open(file, { table, fresh, newId }) : null;
    this.#position = this.#checkpoint?.position ?? IMPORT_START;
    const rejects = options.rejects ?? `${file === "-" ? "import" : file}.rejects.ndjson`;
    this.#rejects = new RejectsFile(rejects, this.#position.rejectsBytes);
  }

  async run(): Promise<number> {
    const { context, client, tell, options } = this.#session;
    const start = this.#position;
    if (start.line > 0) tell(`going on behind line ${start.line}`);
    this.#progress = await Progress.start({
      stderr: context.stderr,
      shown: options.quiet !== true,
      verb: "imported",
      totalBytes: this.#totalBytes,
      startBytes: start.offset,
    });
    const upload = new ImportUpload({
      client,
      table: this.#table,
      source: this.#source(start),
      file: this.#file,
      retryForMs: this.#options.retryFor,
      maxFailures: this.#options.maxFailures,
      interrupt: context.interrupt,
      onDecided: (lines) => this.#onDecided(lines),
      tell,
    });
    try {
      await upload.run();
    } catch (error) {
      throw this.#unfinished(error);
    } finally {
      this.#progress.stop();
      this.#input?.destroy();
      this.#rejects.close();
    }
    this.#checkpoint?.remove();
    return this.#summary();
  }

  #source(start: ImportPosition): AsyncGenerator<readonly InputLine[]> {
    const { format, int64 = [] } = this.#options;
    const isCsv = (format ?? (this.#file.endsWith(".csv") ? "csv" : "ndjson")) === "csv";
    const offset = isCsv ? 0 : start.offset;
    const stream: Readable =
      this.#file === "-"
        ? this.#session.context.stdin
        : createReadStream(this.#file, { start: offset, highWaterMark: 256 * 1024 });
    this.#input = stream;
    if (isCsv) return csvSource({ stream, start, int64: new Set(int64) });
    const id = this.#checkpoint?.id ?? randomUUID();
    return ndjsonSource({ stream, start, id });
  }

  #onDecided(lines: readonly PendingLine[]): void {
    for (const line of lines) {
      if (line.failure === null) this.#imported++;
      else this.#rejects.add(line);
    }
    const last = lines.at(-1) as PendingLine;
    const failed = lines.filter(({ failure }) => failure !== null).length;
    this.#position = {
      line: last.number,
      offset: last.endOffset,
      rows: last.rows,
      failed: this.#position.failed + failed,
      rejectsBytes: this.#rejects.bytes,
    };
    this.#progress?.advance({
      rows: this.#imported,
      bytes: this.#position.offset,
      failed: this.#position.failed,
    });
    if (performance.now() - this.#savedMs > CHECKPOINT_EVERY_MS) this.#save();
  }

  #save(): void {
    this.#checkpoint?.save(this.#position);
    this.#savedMs = performance.now();
  }

  #summary(): number {
    const { failed } = this.#position;
    const took = durationText(performance.now() - this.#startedMs);
    this.#session.tell(`imported ${counted(this.#imported, "row")} in ${took}`);
    if (failed === 0) return EXIT.ok;
    throw new CliError(
      EXIT.partial,
      `${counted(failed, "line")} ${failed === 1 ? "was" : "were"} refused`,
      {
        hint: `They are in ${this.#rejects.path} with the reasons; mend and import that file.`,
      },
    );
  }

  /** Says how far it is and how to go on. */
  #unfinished(error: unknown): unknown {
    if (!(error instanceof CliError)) return error;
    if (this.#checkpoint !== null && this.#position.line > 0) this.#save();
    const { line } = this.#position;
    if (line === 0 && error.exitCode !== EXIT.interrupted && error.code !== "TOO_MANY_FAILURES") {
      return error;
    }
    const exitCode = error.code === "TOO_MANY_FAILURES" ? EXIT.partial : error.exitCode;
    const again = this.#file === "-" ? "" : "The same command goes on from there. ";
    return new CliError(exitCode, `${error.message}; decided up to line ${line}`, {
      hint: `${again}${error.hint ?? ""}`.trim() || undefined,
      code: error.code,
      cause: error,
    });
  }
}

function fileSize(file: string): number {
  try {
    const stats = statSync(file);
    if (stats.isFile()) return stats.size;
  } catch (error) {
    throw usageError(`cannot read ${file}: ${(error as Error).message}`);
  }
  throw usageError(`${file} is not a file`, "Standard input is -");
}
