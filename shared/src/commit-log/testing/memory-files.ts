/** The files of the simulated disk, by name: as the process sees them, and as an fsync left the names. */
import type { Random } from "../../random.ts";
import { MemoryFile } from "./memory-file.ts";

export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: "EIO" | "ENOSPC" | "ENOENT";

  constructor(code: "EIO" | "ENOSPC" | "ENOENT", name: string) {
    super(`${code}: ${name}`);
    this.code = code;
  }
}

/** What power losses took. */
export interface PowerLosses {
  readonly sectors: number;
  readonly names: number;
}

export class MemoryFiles {
  #names = new Map<string, MemoryFile>();
  #syncedNames = new Map<string, MemoryFile>();
  /** Of all files together. */
  capacityBytes = Number.POSITIVE_INFINITY;

  list(): string[] {
    return [...this.#names.keys()];
  }

  get(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (file === undefined) throw new DiskError("ENOENT", name);
    return file;
  }

  create(name: string): void {
    this.#names.set(name, new MemoryFile());
  }

  rename(from: string, to: string): void {
    this.#names.set(to, this.get(from));
    this.#names.delete(from);
  }

  remove(name: string): void {
    this.get(name);
    this.#names.delete(name);
  }

  /** Fails part way when the disk is full. */
  write(name: string, offset: number, bytes: Buffer): void {
    const file = this.get(name);
    const growth = Math.max(0, offset + bytes.length - file.length);
    const free = Math.max(0, this.#freeBytes());
    const written = Math.max(0, bytes.length - Math.max(0, growth - free));
    file.write(offset, bytes.subarray(0, written));
    if (written < bytes.length) throw new DiskError("ENOSPC", name);
  }

  syncNames(): void {
    this.#syncedNames = new Map(this.#names);
  }

  /** Any subset of the name changes survives that no fsync covers, and any of the bytes. */
  losePower(random: Random): PowerLosses {
    const lost = { sectors: 0, names: 0 };
    const names = new Map(this.#syncedNames);
    for (const name of new Set([...this.#names.keys(), ...names.keys()])) {
      const current = this.#names.get(name);
      if (current === names.get(name)) continue;
      if (random.below(2) === 0) lost.names++;
      else if (current === undefined) names.delete(name);
      else names.set(name, current);
    }
    for (const file of new Set(names.values())) lost.sectors += file.losePower(random);
    this.#names = names;
    this.syncNames();
    return lost;
  }

  usedBytes(): number {
    let bytes = 0;
    for (const file of new Set(this.#names.values())) bytes += file.length;
    return bytes;
  }

  #freeBytes(): number {
    const { capacityBytes } = this;
    return capacityBytes === Number.POSITIVE_INFINITY
      ? capacityBytes
      : capacityBytes - this.usedBytes();
  }
}
