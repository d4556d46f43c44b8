/**
 * Reads one segment from front to end and tells apart what a crash tore and what was damaged later.
 *
 * At most one batch is in doubt after a crash: batch n + 1 is written only after batch n is durable.
 * So where a batch is missing or bad, it was
 *   S1. torn, if the segment is the log's last and no batch or marker of a higher LSN, under the
 *       segment's salt, lies behind it: the log ends in front of it;
 *   S2. damaged otherwise, because whatever lies behind it was written after it had been durable.
 *       The scan reports the loss and goes on at the next batch that is readable.
 * An idle marker is the last thing in its segment: it ends the scan like the end of the file, but by
 * its own LSN it makes a bad batch in front of it a damaged one.
 */
import { takeBatch, takeBatchHeader } from "./batch-codec.ts";
import type { BatchHeader } from "./batch-codec.ts";
import type { LogDamage, Lsn, RecoveredRecord } from "./commit-log.ts";
import {
  BATCH_ALIGNMENT,
  BATCH_HEADER,
  BATCH_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from "./log-format.ts";
import type { SegmentHeader } from "./segment-header.ts";
import { WINDOW_BYTES } from "./segment-window.ts";
import type { SegmentWindow } from "./segment-window.ts";

/** Takes the records one by one, in log order. */
export type DeliverRecord = (record: RecoveredRecord) => void;

export interface SegmentScan {
  readonly damage: LogDamage[];
  /** Offset behind the last batch; for the last segment, where the next one goes. */
  readonly end: number;
  readonly nextLsn: Lsn;
  /** Header CRC of the last readable batch, in this segment or before. */
  readonly lastCrc: number;
  /** `torn`: bytes of a batch that was never acknowledged lie behind `end` (S1). */
  readonly tail: "clean" | "torn";
  /** Whether the last batch of the segment is readable, or there is none. */
  readonly endIntact: boolean;
}

interface FoundBatch {
  readonly offset: number;
  readonly header: BatchHeader;
}

type Doubt = Pick<LogDamage, "replicas" | "detail"> & {
  /** Where the next batch starts, if the header is believed. */
  readonly next: number | null;
};

class SegmentScanner {
  readonly #header: SegmentHeader;
  readonly #window: SegmentWindow;
  /** LSN of the next segment's first batch; null for the log's last segment. */
  readonly #limit: Lsn | null;
  readonly #deliver: DeliverRecord;
  readonly #saltBytes = Buffer.alloc(4);
  readonly #damage: LogDamage[] = [];
  #at = SEGMENT_HEADER_BYTES;
  #nextLsn: Lsn;
  #lastCrc: number;
  #tail: "clean" | "torn" = "clean";
  #endIntact = true;

  constructor(
    header: SegmentHeader,
    window: SegmentWindow,
    limit: Lsn | null,
    deliver: DeliverRecord,
  ) {
    this.#header = header;
    this.#window = window;
    this.#limit = limit;
    this.#deliver = deliver;
    this.#saltBytes.writeUInt32LE(header.salt);
    this.#nextLsn = header.firstLsn;
    this.#lastCrc = header.previousCrc;
  }

  async scan(): Promise<SegmentScan> {
    while (this.#limit === null || this.#nextLsn < this.#limit) {
      const doubt = await this.#takeNext();
      if (doubt !== null && !(await this.#resumeBehind(doubt))) break;
    }
    return {
      damage: this.#damage,
      end: this.#at,
      nextLsn: this.#nextLsn,
      lastCrc: this.#lastCrc,
      tail: this.#tail,
      endIntact: this.#endIntact,
    };
  }

  /** Takes the batch at the position, or says why the one that belongs there is in doubt. */
  async #takeNext(): Promise<Doubt | null> {
    const header = await this.#headerAt(this.#at);
    if (header === null || header.lsn !== this.#nextLsn || header.recordCount === 0) {
      return { next: null, replicas: null, detail: "its header is not readable" };
    }
    const place = { segment: this.#header.segment, offset: this.#at };
    const content = takeBatch(await this.#window.at(this.#at, header.length), header, place);
    const next = this.#at + header.length;
    switch (content.kind) {
      case "damaged": {
        const part = content.replicas === null ? "table" : "payload";
        return { next, replicas: content.replicas, detail: `its ${part} fails its checksum` };
      }
      case "intact":
        for (const record of content.records) this.#deliver(record);
        this.#lastCrc = header.crc;
        this.#endIntact = true;
        this.#nextLsn++;
        this.#at = next;
        return null;
    }
  }

  /** False: the segment has no readable batch behind the one in doubt. */
  async #resumeBehind(doubt: Doubt): Promise<boolean> {
    const found = await this.#findBehind(doubt.next ?? this.#at);
    if (found !== null) {
      const isNeighbour = found.offset === doubt.next;
      this.#reportLoss(found.header.lsn, isNeighbour ? doubt : { ...doubt, replicas: null });
      this.#at = found.offset;
      this.#nextLsn = found.header.lsn;
      return true;
    }
    if (this.#limit === null) this.#tail = await this.#tailBehindEnd();
    else {
      this.#reportLoss(this.#limit, doubt);
      this.#nextLsn = this.#limit;
    }
    return false;
  }

  #reportLoss(to: Lsn, doubt: Doubt): void {
    const from = this.#nextLsn;
    const isOne = to === from + 1;
    const batches = isOne ? `batch ${from}` : `batches ${from} to ${to - 1}`;
    this.#damage.push({
      segment: this.#header.segment,
      detail: `${batches} at offset ${this.#at} cannot be read: ${doubt.detail}`,
      lost: { from, to },
      replicas: isOne ? doubt.replicas : null,
    });
    this.#endIntact = false;
  }

  async #headerAt(offset: number): Promise<BatchHeader | null> {
    const bytes = await this.#window.at(offset, BATCH_HEADER_BYTES);
    return takeBatchHeader(bytes, 0, this.#header.salt);
  }

  /** The first batch or marker at or behind `from` with an LSN above the next one's. */
  async #findBehind(from: number): Promise<FoundBatch | null> {
    let start = from;
    for (;;) {
      const bytes = await this.#window.at(start, WINDOW_BYTES);
      const found = this.#findIn(bytes, start);
      if (found !== null || bytes.length < WINDOW_BYTES) return found;
      start += WINDOW_BYTES - BATCH_HEADER_BYTES + BATCH_ALIGNMENT;
    }
  }

  #findIn(bytes: Buffer, start: number): FoundBatch | null {
    let hit = bytes.indexOf(this.#saltBytes, BATCH_HEADER.salt);
    while (hit !== -1) {
      const at = hit - BATCH_HEADER.salt;
      const header =
        at % BATCH_ALIGNMENT === 0 ? takeBatchHeader(bytes, at, this.#header.salt) : null;
      if (header !== null && header.lsn > this.#nextLsn) return { offset: start + at, header };
      hit = bytes.indexOf(this.#saltBytes, hit + 1);
    }
    return null;
  }

  async #tailBehindEnd(): Promise<"clean" | "torn"> {
    const marker = await this.#headerAt(this.#at);
    const hasMarker = marker?.recordCount === 0 && marker.lsn === this.#nextLsn;
    let start = this.#at + (hasMarker ? BATCH_HEADER_BYTES : 0);
    for (;;) {
      const bytes = await this.#window.at(start, WINDOW_BYTES);
      if (bytes.compare(zeros, 0, bytes.length) !== 0) return "torn";
      if (bytes.length < WINDOW_BYTES) return "clean";
      start += WINDOW_BYTES;
    }
  }
}

const zeros = Buffer.alloc(WINDOW_BYTES);

/**
 * @param limit LSN of the first batch of the segment behind this one, null if this is the last. It
 * may end up below `nextLsn`: then the two segments do not belong to the same log.
 */
export function scanSegment(
  header: SegmentHeader,
  window: SegmentWindow,
  limit: Lsn | null,
  deliver: DeliverRecord,
): Promise<SegmentScan> {
  return new SegmentScanner(header, window, limit, deliver).scan();
}
