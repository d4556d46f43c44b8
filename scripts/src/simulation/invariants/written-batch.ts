/** What a write to a segment file says: the records of one batch of the commit log, decoded from its bytes. */
import {
  BATCH_HEADER,
  BATCH_HEADER_BYTES,
  segmentOfName,
  TABLE_ROW_BYTES,
} from "@stele/shared/commit-log/log-format.ts";
import type { EntryLocation } from "@stele/shared/commit-log/commit-log.ts";
import { takeRecord, takeRow } from "@stele/shared/commit-log/record-codec.ts";
import type { LogRecord } from "@stele/shared/commit-log/records.ts";

export interface WrittenRecord {
  readonly record: LogRecord;
  /** Of the entries, in their order; copies. */
  readonly payloads: readonly Buffer[];
}

export interface WrittenBatch {
  readonly segment: number;
  readonly records: readonly WrittenRecord[];
}

/** Null: the write is not one of a batch with records. Throws when the bytes are no batch. */
export function writtenBatch(name: string, bytes: Buffer): WrittenBatch | null {
  const segment = segmentOfName(name);
  if (segment === null || bytes.length < BATCH_HEADER_BYTES) return null;
  const count = bytes.readUInt32LE(BATCH_HEADER.recordCount);
  if (count === 0) return null;
  // The product moves or reuses its buffer; what is kept here must not change.
  const own = Buffer.from(bytes);
  const records: WrittenRecord[] = [];
  let payloadAt = BATCH_HEADER_BYTES + count * TABLE_ROW_BYTES;
  for (let nth = 0; nth < count; nth++) {
    const row = takeRow(own, BATCH_HEADER_BYTES + nth * TABLE_ROW_BYTES);
    if (row === null) throw new Error(`row ${nth} of a batch in ${name} cannot be decoded`);
    const payload = own.subarray(payloadAt, payloadAt + row.payloadLength);
    const locations: EntryLocation[] = [];
    const record = takeRecord(row, payload, { segment, offset: 0 }, locations);
    if (record === null) throw new Error(`record ${nth} of a batch in ${name} cannot be decoded`);
    const payloads = locations.map(({ offset, length }) =>
      payload.subarray(offset, offset + length),
    );
    records.push({ record, payloads });
    payloadAt += row.payloadLength;
  }
  return { segment, records };
}
