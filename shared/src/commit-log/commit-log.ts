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

/** Position of a batch: the first is 1, and each append takes the next. */
export type Lsn = number;

/** Where one entry's payload lies. */
export interface EntryLocation {
  readonly segment: number;
  /** Byte offset of the payload in the segment file. */
  readonly offset: number;
  /** Of the payload, in bytes. */
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
  /** The last batch in it, `firstLsn - 1` if there is none; for the active segment it grows. */
  readonly lastLsn: Lsn;
  readonly bytes: number;
}

/** The disk failed: the process must end (L3). */
export class LogFailedError extends Error {
  override readonly name = "LogFailedError";
}

/**
 * What is on disk is not this server's whole log, so that serving from it could break promises. The
 * message names the file and what the operator can do.
 */
export class LogRefusedError extends Error {
  override readonly name = "LogRefusedError";
}

/** One entry cannot be given; the log itself goes on. */
export class EntryReadError extends Error {
  override readonly name = "EntryReadError";
  /** `freed`: its segment is gone. `damaged`: its replica must not be trusted any more. */
  readonly reason: "freed" | "damaged";
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;

  constructor(
    reason: "freed" | "damaged",
    entry: { readonly tabletId: TabletId; readonly replicaId: ReplicaId },
    detail: string,
  ) {
    super(detail);
    this.reason = reason;
    this.tabletId = entry.tabletId;
    this.replicaId = entry.replicaId;
  }
}

export interface EntryAddress {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly index: LogIndex;
  readonly location: EntryLocation;
}

export interface CommitLog {
  /**
   * At least one record. The batch, encoded, is at most `MAX_BATCH_BYTES` (log-format.ts). The
   * payloads must not change before it resolves.
   */
  append(records: readonly LogRecord[]): Promise<AppendResult>;
  /**
   * Payloads in the order asked, each checked by CRC against (tabletId, replicaId, index). They may
   * share memory. Rejects with `EntryReadError` if one of them is damaged or freed.
   */
  read(entries: readonly EntryAddress[]): Promise<Buffer[]>;
  /**
   * Called at every tick. When nothing was appended since the call before, writes one unsynced
   * marker, so that the last acknowledged batch cannot be taken for a torn one after a crash.
   */
  noteIdle(): void;
  /** Oldest first; the last is the active one. */
  segments(): readonly SegmentInfo[];
  /**
   * Deletes every segment whose last batch is at or below `lsn`, oldest first, never the active one.
   * Gives the number of deleted segments.
   */
  freeThrough(lsn: Lsn): Promise<number>;
  /** No append may be in flight. */
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

/** What recovery found wrong beyond a torn tail, which it repairs and only tells. */
export interface LogDamage {
  readonly segment: number;
  readonly detail: string;
  /** The lost batches: `[from, to)`. A replica created by a later record is not concerned. */
  readonly lost: { readonly from: Lsn; readonly to: Lsn };
  /**
   * Replicas named by the damaged batch's header. Null: unknown, so every replica that existed
   * before `lost.to` is suspect; also one without another record in this segment, because the lost
   * batch may have held the only one (say, a vote).
   */
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
