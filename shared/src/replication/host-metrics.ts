/** How a replica host's counters are called under /metrics. */
import type { CountedMetric } from "../counted-metrics.ts";
import type { HostCounters } from "./host-counters.ts";

export const HOST_METRICS: readonly CountedMetric<HostCounters>[] = [
  { name: "stele_raft_cycles_total", help: "Cycles of the replica host.", counter: "cycles" },
  {
    name: "stele_log_batches_total",
    help: "Batches appended to the commit log, one fdatasync each.",
    counter: "logBatches",
  },
  {
    name: "stele_applied_entries_total",
    help: "Log entries applied, over all replicas.",
    counter: "appliedEntries",
  },
  { name: "stele_checkpoints_total", help: "Proven checkpoints.", counter: "checkpoints" },
  {
    name: "stele_log_segments_freed_total",
    help: "Commit log segments freed.",
    counter: "freedSegments",
  },
  { name: "stele_snapshots_sent_total", help: "Snapshots sent.", counter: "snapshotsSent" },
  {
    name: "stele_snapshots_installed_total",
    help: "Snapshots installed.",
    counter: "snapshotsInstalled",
  },
  {
    name: "stele_raft_messages_dropped_total",
    help: "Raft messages that found no replica, or no room.",
    counter: "droppedMessages",
  },
  {
    name: "stele_log_torn_tails_repaired_total",
    help: "Torn ends of the commit log repaired at the start.",
    counter: "tornTailsRepaired",
  },
  {
    name: "stele_suspect_replicas_total",
    help: "Replicas found damaged.",
    counter: "suspectReplicas",
  },
];
