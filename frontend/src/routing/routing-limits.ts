/**
 * What bounds the routing layer: times in milliseconds, queues and caches in entries and bytes. The
 * defaults suit the timing of real clusters; simulations stretch them with it.
 */
export interface RoutingLimits {
  /** The tablet map keeps so many tablets, those used last. */
  readonly mapTablets: number;
  /** A map entry is refreshed in the background when it is older and used. */
  readonly mapEntryMs: number;
  /** Following entries that a look-up brings along. */
  readonly mapNeighbours: number;
  /** Refreshes of aged entries at a time; the others wait until they are used again. */
  readonly mapRefreshes: number;
  /** A master is asked for the map for so long before the next one is. */
  readonly masterAttemptMs: number;
  /** Calls fail when no master could answer for so long. */
  readonly mastersAwayMs: number;
  /** A call that a tablet's leader has not answered for so long makes the other replicas be asked. */
  readonly suspectAfterMs: number;
  /** A tablet that had no leader for so long is reported as NO_QUORUM at once. */
  readonly leaderlessMs: number;
  /** A round of questions to all replicas of a tablet waits so long for answers. */
  readonly probeMs: number;
  /** A tablet without a leader is still watched for so long after the last call for it. */
  readonly watchMs: number;
  /** First and longest pause between two attempts; it doubles and is jittered. */
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
  /** A call whose servers went away so often while they had it is given up: it may be what ends them. */
  readonly brokenAttempts: number;
  /** A write is tried for so long at most: afterwards the tablets forget its retry number. */
  readonly writeMs: number;
  /** A sequence of retry numbers ends when its lowest open number is so far behind. */
  readonly retrySpan: number;
  /** Tablets with a sequence of retry numbers at a time. */
  readonly retryTablets: number;
  /** In one call to a tablet. */
  readonly callWrites: number;
  readonly callWriteBytes: number;
  readonly callKeys: number;
  /** A read of many rows asks for no more once it has so many bytes. */
  readonly readBytes: number;
  /** Calls of one operation under way at a time, each to another tablet. */
  readonly parallelTablets: number;
  /** A channel to a tablet server is closed when it was not used for so long. */
  readonly channelIdleMs: number;
}

export const ROUTING_LIMITS: RoutingLimits = {
  mapTablets: 200_000,
  mapEntryMs: 60_000,
  mapNeighbours: 32,
  mapRefreshes: 8,
  masterAttemptMs: 1_000,
  mastersAwayMs: 5_000,
  suspectAfterMs: 1_000,
  leaderlessMs: 3_000,
  probeMs: 250,
  watchMs: 60_000,
  pauseMs: 10,
  pauseMaxMs: 200,
  brokenAttempts: 3,
  writeMs: 60_000,
  retrySpan: 10_000,
  retryTablets: 10_000,
  callWrites: 512,
  callWriteBytes: 4 * 1024 * 1024,
  callKeys: 256,
  readBytes: 8 * 1024 * 1024,
  parallelTablets: 16,
  channelIdleMs: 300_000,
};
