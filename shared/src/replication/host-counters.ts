/** What the replication host has done since it started; for metrics and tests. */
export interface HostCounters {
  cycles: number;
  logBatches: number;
  appliedEntries: number;
  checkpoints: number;
  freedSegments: number;
  snapshotsSent: number;
  snapshotsInstalled: number;
  droppedMessages: number;
  tornTailsRepaired: number;
  suspectReplicas: number;
}

export function newHostCounters(): HostCounters {
  return {
    cycles: 0,
    logBatches: 0,
    appliedEntries: 0,
    checkpoints: 0,
    freedSegments: 0,
    snapshotsSent: 0,
    snapshotsInstalled: 0,
    droppedMessages: 0,
    tornTailsRepaired: 0,
    suspectReplicas: 0,
  };
}
