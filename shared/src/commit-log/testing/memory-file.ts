/**
 * One file of the simulated disk: what the process sees, what is on the platter, and which sectors
 * still have to get there.
 */
import type { Random } from "../../random.ts";

export const SECTOR_BYTES = 512;
const PAGE_SECTORS = 8;

/** Bytes that grow at the end, zero until written. */
class GrowingBytes {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  set length(length: number) {
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(length, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    if (length < this.#length) this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }

  /** Not a copy. */
  get view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

export class MemoryFile {
  readonly #seen = new GrowingBytes();
  readonly #durable = new GrowingBytes();
  /** Sectors that the next sync writes. */
  readonly #dirty = new Set<number>();

  get length(): number {
    return this.#seen.length;
  }

  /** A copy; shorter at the end of the file. */
  read(offset: number, length: number): Buffer {
    const end = Math.min(this.#seen.length, offset + length);
    return Buffer.from(this.#seen.view.subarray(Math.min(offset, end), end));
  }

  write(offset: number, bytes: Buffer): void {
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    this.#seen.length = Math.max(this.#seen.length, end);
    bytes.copy(this.#seen.view, offset);
    for (let sector = Math.floor(offset / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      this.#dirty.add(sector);
    }
  }

  truncate(length: number): void {
    this.#seen.length = length;
  }

  sync(): void {
    this.#durable.length = this.#seen.length;
    this.#settle(this.#dirty);
    this.#dirty.clear();
  }

  /** The sectors count as written from here on, and are not. */
  failSync(): void {
    this.#dirty.clear();
  }

  /** Returns how many sectors were lost. */
  losePower(random: Random): number {
    const unit = random.below(2) === 0 ? 1 : PAGE_SECTORS;
    const fates = new Map<number, "kept" | "lost">();
    const kept: number[] = [];
    for (const sector of [...this.#dirty].sort((a, b) => a - b)) {
      const group = Math.floor(sector / unit);
      const fate = fates.get(group) ?? (random.below(2) === 0 ? "kept" : "lost");
      fates.set(group, fate);
      if (fate === "kept") kept.push(sector);
    }
    const lost = this.#dirty.size - kept.length;
    const keptEnd = ((kept.at(-1) ?? -1) + 1) * SECTOR_BYTES;
    this.#durable.length = Math.max(this.#durable.length, Math.min(keptEnd, this.#seen.length));
    this.#settle(kept);
    this.#dirty.clear();
    this.#seen.length = 0;
    this.#seen.length = this.#durable.length;
    this.#durable.view.copy(this.#seen.view);
    return lost;
  }

  /** Changes bytes for good; whatever was not synced becomes durable with it. */
  damage(change: (bytes: Buffer) => void): void {
    change(this.#seen.view);
    this.#durable.length = this.#seen.length;
    this.#seen.view.copy(this.#durable.view);
    this.#dirty.clear();
  }

  #settle(sectors: Iterable<number>): void {
    const { view } = this.#durable;
    for (const sector of sectors) {
      const start = sector * SECTOR_BYTES;
      const end = Math.min(start + SECTOR_BYTES, this.#seen.length);
      if (start < end) this.#seen.view.copy(view, start, start, end);
    }
  }
}
