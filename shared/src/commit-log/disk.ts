/**
 * The files that the commit log stands on, passed in: the real directory and the simulated one with
 * its faults implement the same calls. Every call may fail; the log treats any failure but a short
 * read as fatal (L3).
 *
 * D1. Calls take effect one after another, in the order in which they were made.
 * D2. `bytes` belong to the directory from the call on: it may move them to another thread, after
 *     which the caller finds its buffer empty.
 */
export interface LogDirectory {
  /** File names in it, unsorted. */
  list(): Promise<string[]>;
  /** The whole file. */
  readFile(name: string): Promise<Buffer>;
  /** `length` bytes at `offset`; shorter only at the end of the file. */
  readAt(name: string, offset: number, length: number): Promise<Buffer>;
  /**
   * Writes `name.tmp` with these bytes, fsyncs it, renames it into place, fsyncs the directory. A file
   * that had the name is replaced at once: a crash leaves the old one or the new one, both whole.
   */
  createDurably(name: string, bytes: Buffer): Promise<void>;
  /** One write of all bytes at `offset`, then fdatasync. */
  writeAndSync(name: string, offset: number, bytes: Buffer): Promise<void>;
  /** One write without sync: idle markers, and zeros ahead of the batches. */
  write(name: string, offset: number, bytes: Buffer): Promise<void>;
  /** Sets the file's length and fsyncs. */
  truncateDurably(name: string, length: number): Promise<void>;
  /** Deletes the file and fsyncs the directory. */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}
