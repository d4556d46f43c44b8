/** Bits of files, turned over where they lie. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

export interface BitPlace {
  readonly path: string;
  readonly offset: number;
  /** 0 to 7. */
  readonly bit: number;
}

export function flipBit({ path, offset, bit }: BitPlace): void {
  const file = openSync(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, offset);
    byte[0] = (byte[0] as number) ^ (1 << bit);
    writeSync(file, byte, 0, 1, offset);
  } finally {
    closeSync(file);
  }
}

/** Where the zeros begin that a file ends with. */
export function usedBytes(path: string): number {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
