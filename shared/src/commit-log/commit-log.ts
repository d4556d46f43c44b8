/**
 * The commit log's interface: one append-only, segmented, checksummed log per server, shared by all its
 * replicas (Bigtable, section 6.6). Format, torn-tail rule and recovery: docs/STORAGE_FORMAT.md.
 *
 * L1. `append` resolves only after fdatasync; records are durable in the order of the calls.
 * L2. At most one append is in flight; callers gather everything else into the next one.
 * L3. An error of write, fsync, rename or unlink is fatal: `append` rejects with `LogFailedError` and
 *     the log refuses everything after; the process must end (never retried).
 * L4. A segment is deleted only by `freeThrough`, and only from the oldest on.
 */
import type { LogIndex, ReplicaId, TabletId } from "../ids.ts";
import type { LogRecord } from "./records.ts";

/** Position of a batch: grows by one for each append. */
export type Lsn = number;

/** Where one entry's payload lies. */
export interface EntryLocation {
  readonly segment: number;
  /** Byte offset of the payload in the segment file. */
  readonly offset: number;
  readonly length: number;
}

export interface AppendResult {
  readonly lsn: Lsn;
  /** The segment that holds the whole batch. */
  readonly segment: number;
  /** For every entry of every `entries` record, in order of the records. */
  readonly locations: readonly EntryLocation[];
}

export interface SegmentInfo {
  readonly segment: number;
  readonly firstLsn: Lsn;
  /** The last batch in it; for the active segment it grows. */
  readonly lastLsn: Lsn;
  readonly bytes: number;
}

export class LogFailedError extends Error {
  override readonly name = "LogFailedError";
}

export interface CommitLog {
  append(records: readonly LogRecord[]): Promise<AppendResult>;
  /** Payloads of entries, in the order asked, each checked by CRC against (tabletId, index, term). */
  read(
    entries: readonly {
      readonly tabletId: TabletId;
      readonly replicaId: ReplicaId;
      readonly index: LogIndex;
      readonly location: EntryLocation;
    }[],
  ): Promise<Buffer[]>;
  /** Oldest first; the last is the active one. */
  segments(): readonly SegmentInfo[];
  /** Deletes every segment whose last batch is at or below `lsn`, oldest first, never the active one. */
  freeThrough(lsn: Lsn): Promise<number>;
  close(): Promise<void>;
}

/** One record found by recovery, in log order. */
export interface RecoveredRecord {
  readonly lsn: Lsn;
  readonly segment: number;
  readonly record: LogRecord;
  /** For `entries`: where each payload lies. Payloads themselves are empty here (read on demand). */
  readonly locations: readonly EntryLocation[];
}

/** What recovery found wrong beyond a torn tail, which it repairs and only counts. */
export interface LogDamage {
  readonly segment: number;
  readonly detail: string;
  /** Replicas named by the damaged batch's header; null: unknown, so every replica with records in the segment. */
  readonly replicas:
    | readonly { readonly tabletId: TabletId; readonly replicaId: ReplicaId }[]
    | null;
}

export interface OpenedLog {
  readonly log: CommitLog;
  /** In log order. Config entries (`kind: "config"`) carry their payload, all others an empty one. */
  readonly records: readonly RecoveredRecord[];
  readonly damage: readonly LogDamage[];
  readonly repairedTornTail: boolean;
}
