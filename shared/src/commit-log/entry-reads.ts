/**
 * Reads entries back: neighbours in a segment are read together, and each entry is checked alone.
 */
import { assert } from "../assert.ts";
import { EntryReadError } from "./commit-log.ts";
import type { EntryAddress } from "./commit-log.ts";
import { ENTRY_HEADER_BYTES, segmentName } from "./log-format.ts";
import { isEntryIntact } from "./record-codec.ts";

/** Bytes between two entries that are cheaper to read than to skip. */
const GAP_BYTES_MAX = 16 * 1024;
/** A run that is longer consists of one entry. */
const RUN_BYTES_MAX = 4 * 1024 * 1024;

/** Entries that one read fetches: bytes [start, end) of a segment. */
interface Run {
  readonly segment: number;
  readonly start: number;
  end: number;
  /** Bytes of it that were asked for. */
  used: number;
  /** Positions in the list of entries. */
  readonly members: number[];
}

export type ReadSegment = (segment: number, offset: number, length: number) => Promise<Buffer>;

/** @param bounds the first and last segment that exist, inclusive */
export async function readEntries(
  entries: readonly EntryAddress[],
  bounds: { readonly first: number; readonly last: number },
  readAt: ReadSegment,
): Promise<Buffer[]> {
  for (const entry of entries) {
    const { segment } = entry.location;
    assert(segment <= bounds.last, () => `segment ${segment} is not written yet`);
    if (segment < bounds.first) {
      throw new EntryReadError("freed", entry, `${describe(entry)}: the segment was freed`);
    }
  }
  const payloads = Array.from<Buffer>({ length: entries.length });
  await Promise.all(
    runsOf(entries).map(async (run) => {
      const bytes = await readAt(run.segment, run.start, run.end - run.start);
      takePayloads(entries, run, bytes, payloads);
    }),
  );
  return payloads;
}

function runsOf(entries: readonly EntryAddress[]): Run[] {
  const order = entries
    .map(({ location }, nth) => ({ nth, location }))
    .sort(
      (a, b) => a.location.segment - b.location.segment || a.location.offset - b.location.offset,
    );
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const { nth, location } of order) {
    const { segment } = location;
    const start = location.offset - ENTRY_HEADER_BYTES;
    const end = location.offset + location.length;
    const isNear =
      run?.segment === segment &&
      start - run.end <= GAP_BYTES_MAX &&
      end - run.start <= RUN_BYTES_MAX;
    if (run === undefined || !isNear) {
      run = { segment, start, end, used: 0, members: [] };
      runs.push(run);
    }
    run.end = Math.max(run.end, end);
    run.used += end - start;
    run.members.push(nth);
  }
  return runs;
}

function takePayloads(
  entries: readonly EntryAddress[],
  run: Run,
  bytes: Buffer,
  payloads: Buffer[],
): void {
  // Slices keep the whole run in memory: not worth it when most of the run is others' bytes.
  const isSparse = run.used * 2 < run.end - run.start;
  for (const nth of run.members) {
    const entry = entries[nth];
    assert(entry !== undefined, "a run names entries of the list");
    const at = entry.location.offset - ENTRY_HEADER_BYTES - run.start;
    const own = bytes.subarray(at, at + ENTRY_HEADER_BYTES + entry.location.length);
    if (!isEntryIntact(own, entry, entry.index, entry.location.length)) {
      throw new EntryReadError("damaged", entry, `${describe(entry)}: it fails its checksum`);
    }
    const payload = own.subarray(ENTRY_HEADER_BYTES);
    payloads[nth] = isSparse ? Buffer.from(payload) : payload;
  }
}

function describe({ tabletId, replicaId, index, location }: EntryAddress): string {
  const place = `${segmentName(location.segment)} at offset ${location.offset}`;
  return `entry ${index} of tablet ${tabletId}, replica ${replicaId}, in ${place}`;
}
