/**
 * Gathers the rows of one reply of a read or a scan, as bytes. A reader adds records as the store gives
 * them, looks at `byteLength` and `count` to know when to stop, and takes the parts of the reply.
 */
import { ByteWriter } from "@stele/shared/bytes/byte-writer.ts";
import { writeNoRow } from "@stele/shared/wire/row-codec.ts";
import { encodeReadHead, encodeScanHead } from "@stele/shared/wire/row-replies.ts";
import type { ServedBy } from "@stele/shared/wire/served-by.ts";
import { hasWantedCell, projectRow } from "./project-row.ts";
import type { RowProjection } from "./row-projection.ts";

export class ProjectedRows {
  readonly #projection: RowProjection;
  readonly #writer: ByteWriter;
  #count = 0;

  /** @param expectedBytes a guess of the size of all rows */
  constructor(projection: RowProjection, expectedBytes = 1024) {
    this.#projection = projection;
    this.#writer = new ByteWriter(expectedBytes);
  }

  /** Rows added. */
  get count(): number {
    return this.#count;
  }

  /** Encoded bytes of the rows added. */
  get byteLength(): number {
    return this.#writer.length;
  }

  /** A point read's row: also one without a wanted cell, and none at all. Throws `CorruptRecordError`. */
  addRead(key: Buffer, record: Buffer | undefined): void {
    if (record === undefined) writeNoRow(this.#writer);
    else projectRow(this.#writer, key, record, this.#projection);
    this.#count++;
  }

  /**
   * A scan's row. Left out when it has no wanted cell, and when it would make the rows pass `maxBytes` and is not
   * the first of them. Throws `CorruptRecordError`.
   */
  addScanned(
    key: Buffer,
    record: Buffer,
    maxBytes = Number.POSITIVE_INFINITY,
  ): "added" | "unwanted" | "too-large" {
    const before = this.#writer.length;
    const isWanted = projectRow(this.#writer, key, record, this.#projection);
    const isTooLarge = this.#writer.length > maxBytes && this.#count > 0;
    if (!isWanted || isTooLarge) {
      this.#writer.truncate(before);
      return isWanted ? "too-large" : "unwanted";
    }
    this.#count++;
    return "added";
  }

  /** Counts a scan's row, and adds nothing else. Throws `CorruptRecordError`. */
  countScanned(key: Buffer, record: Buffer): boolean {
    if (!hasWantedCell(key, record, this.#projection)) return false;
    this.#count++;
    return true;
  }

  /** The whole reply, in parts. Every row was added by `addRead`. */
  readReply(servedBy: ServedBy): Buffer[] {
    return [encodeReadHead(servedBy, this.#names(), this.#count), this.#writer.finish()];
  }

  /**
   * The whole reply, in parts. Rows were added by `addScanned`, or only counted.
   *
   * @param resume as in `ScanChunk`
   */
  scanReply(servedBy: ServedBy, resume: Buffer | null): Buffer[] {
    const body = this.#writer.finish();
    const rows = body.length === 0 ? 0 : this.#count;
    const head = encodeScanHead(servedBy, { count: this.#count, resume }, this.#names(), rows);
    return [head, body];
  }

  #names(): string[] {
    return this.#projection.families.map(({ name }) => name);
  }
}
