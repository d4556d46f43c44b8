// The lines that the server refused, with its reasons: importable again once they are mended.
import { closeSync, existsSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { isUtf8 } from "node:buffer";
import type { PendingLine } from "./import-window.ts";

export class RejectsFile {
  readonly path: string;
  #file: number | null = null;
  #bytes: number;

  /** Keeps the first `keptBytes` bytes of what an earlier run wrote. */
  constructor(path: string, keptBytes: number) {
    this.path = path;
    this.#bytes = keptBytes;
    if (keptBytes === 0) rmSync(path, { force: true });
    else if (existsSync(path)) {
      this.#file = openSync(path, "r+");
      ftruncateSync(this.#file, keptBytes);
    } else this.#bytes = 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add({ number, input, failure }: PendingLine): void {
    this.#file ??= openSync(this.path, "w");
    const head = JSON.stringify({ line: number, ...failure });
    const text = Buffer.from(`${head.slice(0, -1)},"input":${inputJson(input)}}\n`, "utf8");
    writeSync(this.#file, text, 0, text.length, this.#bytes);
    this.#bytes += text.length;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

/** JSON as it is, anything else as a string. */
function inputJson(input: Buffer): string {
  const text = input.toString("utf8");
  try {
    if (isUtf8(input)) {
      JSON.parse(text);
      return text.trim();
    }
  } catch {
    // Not JSON.
  }
  return JSON.stringify(text);
}
