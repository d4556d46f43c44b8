/** Opens a server's commit log: recovers what a former process left, or starts a new log. */
import { InvariantError, assert } from "../assert.ts";
import type { ServerId } from "../ids.ts";
import type { Random } from "../random.ts";
import { LogFailedError, LogRefusedError } from "./commit-log.ts";
import type { OpenedLog, RecoveredRecord } from "./commit-log.ts";
import type { LogDirectory } from "./disk.ts";
import { SEGMENT_HEADER_BYTES } from "./log-format.ts";
import { recoverLog } from "./recovery.ts";
import { SegmentedCommitLog } from "./segmented-commit-log.ts";
import type { LogSettings } from "./segmented-commit-log.ts";

const SEGMENT_BYTES = 64 * 1024 * 1024;

export interface CommitLogOptions {
  /** Closed by the log's `close`; the caller's to close when `openCommitLog` rejects. */
  readonly directory: LogDirectory;
  readonly serverId: ServerId;
  /** Source of the segments' salts. */
  readonly random: Random;
  /** A segment that reached this size is followed by a new one; 64 MiB unless told. */
  readonly segmentBytes?: number;
  /**
   * What a directory without a log means: a new server (`create`, unless told), or one that lost its
   * log together with its votes and must not go on under its old id (`refuse`).
   */
  readonly whenEmpty?: "create" | "refuse";
  /**
   * Takes each record as recovery finds it, in log order, and `OpenedLog.records` stays empty: for
   * logs whose records do not fit in memory (about 700 bytes each). What was delivered is void if
   * `openCommitLog` rejects.
   */
  readonly deliver?: (record: RecoveredRecord) => void;
}

/**
 * Rejects with `LogRefusedError` when the directory does not hold this server's whole log, and with
 * `LogFailedError` when the disk fails.
 */
export async function openCommitLog(options: CommitLogOptions): Promise<OpenedLog> {
  const { directory, serverId, random, segmentBytes = SEGMENT_BYTES } = options;
  assert(segmentBytes > SEGMENT_HEADER_BYTES, "a segment is larger than its header");
  const settings = { directory, serverId, random, segmentBytes };
  try {
    return await open(settings, options);
  } catch (error) {
    if (error instanceof LogRefusedError || error instanceof InvariantError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LogFailedError(`the commit log cannot be opened: ${reason}`, { cause: error });
  }
}

async function open(settings: LogSettings, options: CommitLogOptions): Promise<OpenedLog> {
  const records: RecoveredRecord[] = [];
  const deliver = options.deliver ?? ((record): void => void records.push(record));
  const recovered = await recoverLog(settings.directory, settings.serverId, deliver);
  if (recovered !== null) {
    const { tail, damage, repairedTornTail } = recovered;
    return { log: new SegmentedCommitLog(settings, tail), records, damage, repairedTornTail };
  }
  if (options.whenEmpty === "refuse") {
    throw new LogRefusedError(
      `The commit log of server ${settings.serverId} is gone: its directory is empty. ` +
        "Start the server with an empty data directory: it joins under a new id and its " +
        "replicas are rebuilt from the others.",
    );
  }
  const log = await SegmentedCommitLog.create(settings);
  return { log, records, damage: [], repairedTornTail: false };
}
