// Replaces a small file so that a reader, and a crash, sees the old text or the new one.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";

export function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.tmp`;
  const file = openSync(draft, "w");
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}
