/** What a replica host is made of and how it is set. Everything of the outside world comes in here. */
import type { CheckpointStore } from "../checkpoint-store/checkpoint-store.ts";
import type { Clock } from "../clock.ts";
import type { CommitLogOptions } from "../commit-log/open-commit-log.ts";
import type { ServerId } from "../ids.ts";
import type { Log } from "../log.ts";
import type { Random } from "../random.ts";
import type { RaftTransport } from "../rpc/channel-contract.ts";
import type { Timing } from "../timing.ts";
import type { SnapshotLink } from "./snapshot-sender.ts";
import type { StateMachineFactory } from "./state-machine.ts";

export interface HostLimits {
  /** A checkpoint begins after so many bytes of log. */
  readonly checkpointBytes: number;
  /** And after so long, if anything was logged. */
  readonly checkpointIntervalMs: number;
  /** Log entries that each replica keeps for followers that are a little behind. */
  readonly retainedLogBytes: number;
  /** Payloads of log entries kept in memory, over all replicas. */
  readonly payloadCacheBytes: number;
  /** A replica with more committed but unapplied payload refuses appends and proposals. */
  readonly maxUnappliedBytes: number;
  /** Messages that wait for the loop; beyond it appends are dropped. */
  readonly maxInboxBytes: number;
  /** Payload bytes of one append; an entry larger than this travels alone. */
  readonly maxAppendBytes: number;
  /** Appends on their way to one follower. */
  readonly maxInflightAppends: number;
}

export const DEFAULT_HOST_LIMITS: HostLimits = {
  checkpointBytes: 32 * 1024 * 1024,
  checkpointIntervalMs: 60_000,
  retainedLogBytes: 8 * 1024 * 1024,
  payloadCacheBytes: 64 * 1024 * 1024,
  maxUnappliedBytes: 16 * 1024 * 1024,
  maxInboxBytes: 64 * 1024 * 1024,
  maxAppendBytes: 1024 * 1024,
  maxInflightAppends: 256,
};

/** The server's commit log; what recovery finds in it is streamed to the host. */
export type HostLogOptions = Pick<CommitLogOptions, "directory" | "segmentBytes" | "whenEmpty">;

export interface HostParts {
  readonly serverId: ServerId;
  readonly clock: Clock;
  readonly random: Random;
  readonly timing: Timing;
  readonly store: CheckpointStore;
  readonly commitLog: HostLogOptions;
  readonly transport: RaftTransport;
  readonly snapshotLink: SnapshotLink;
  readonly factory: StateMachineFactory;
  readonly limits: HostLimits;
  readonly log: Log;
  /** Ends the process. Called at most once. */
  readonly failed: (error: unknown) => void;
}
