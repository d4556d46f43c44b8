/** The commit log's directory, watched: what is written, what is durable, and which segments go. */
import type { LogDirectory } from "@stele/shared/commit-log/disk.ts";
import { segmentOfName } from "@stele/shared/commit-log/log-format.ts";
import type { StoreBeside, WatchedDisk } from "./watched-disk.ts";
import { writtenBatch } from "./written-batch.ts";

export class WatchedDirectory implements LogDirectory {
  readonly #directory: LogDirectory;
  readonly #disk: WatchedDisk;
  readonly #store: StoreBeside;

  constructor(directory: LogDirectory, disk: WatchedDisk, store: StoreBeside) {
    this.#directory = directory;
    this.#disk = disk;
    this.#store = store;
  }

  list(): Promise<string[]> {
    return this.#directory.list();
  }

  readFile(name: string): Promise<Buffer> {
    return this.#directory.readFile(name);
  }

  readAt(name: string, offset: number, length: number): Promise<Buffer> {
    return this.#directory.readAt(name, offset, length);
  }

  createDurably(name: string, bytes: Buffer): Promise<void> {
    return this.#directory.createDurably(name, bytes);
  }

  writeAndSync(name: string, offset: number, bytes: Buffer): Promise<void> {
    const batch = writtenBatch(name, bytes);
    const done = this.#directory.writeAndSync(name, offset, bytes);
    if (batch === null) return done;
    this.#disk.writing(batch, this.#store);
    // In front of whoever waits for this: nobody may act on it before it is noted.
    return done.then(() => this.#disk.wrote(batch));
  }

  write(name: string, offset: number, bytes: Buffer): Promise<void> {
    return this.#directory.write(name, offset, bytes);
  }

  truncateDurably(name: string, length: number): Promise<void> {
    return this.#directory.truncateDurably(name, length);
  }

  remove(name: string): Promise<void> {
    const segment = segmentOfName(name);
    if (segment !== null) this.#disk.freeing(segment, this.#store.store);
    return this.#directory.remove(name);
  }

  close(): Promise<void> {
    return this.#directory.close();
  }
}
