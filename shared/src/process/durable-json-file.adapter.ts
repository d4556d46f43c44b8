/**
 * A small JSON document that survives power loss: written to a new file, synced, renamed over the old
 * one, and the directory synced. Readers find the old document or the new one, never a mixture.
 *
 * J1. One write at a time; documents that arrive meanwhile are merged into the next write, which
 *     writes the newest only.
 * J2. `write` resolves once the document, or a newer one, is durable.
 * J3. A failed write fails all that wait for it; the file still holds the document before.
 */
import { open, readFile, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ZodType } from "zod";
import { syncDirectory } from "../sync-directory.adapter.ts";

/** The file is there and is not what it should be. */
export class DamagedFileError extends Error {
  override readonly name = "DamagedFileError";
}

export class DurableJsonFile<T> {
  readonly #path: string;
  readonly #schema: ZodType<T>;
  #writing: Promise<void> = Promise.resolve();
  #next: { document: T; readonly written: Promise<void> } | null = null;

  constructor(path: string, schema: ZodType<T>) {
    this.#path = path;
    this.#schema = schema;
  }

  get path(): string {
    return this.#path;
  }

  /** Null: there is no file. Throws `DamagedFileError` if it does not hold such a document. */
  async read(): Promise<T | null> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (text === null) return null;
    const parsed = this.#schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
    throw new DamagedFileError(`${this.#path} is not readable: ${problems.join("; ").trim()}`);
  }

  write(document: T): Promise<void> {
    if (this.#next !== null) {
      this.#next.document = document;
      return this.#next.written;
    }
    const written = this.#writing.then(() => {
      const newest = this.#next?.document ?? document;
      this.#next = null;
      return writeDurably(this.#path, `${JSON.stringify(newest, null, 2)}\n`);
    });
    this.#next = { document, written };
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.new`);
  const file = await open(draft, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncDirectory(dirname(path));
}
