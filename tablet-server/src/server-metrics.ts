/** What a tablet server shows under /metrics: per server, never per tablet or key. */
import { Metrics } from "@stele/shared/metrics.ts";
import type { HostCounters } from "@stele/shared/replication/host-counters.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { TabletSet } from "./tablet-set.ts";

interface Counted {
  readonly name: string;
  readonly help: string;
  readonly counter: keyof HostCounters;
}

const HOST_COUNTERS: readonly Counted[] = [
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
];

/** Renders the metrics of now. */
export function tabletServerMetrics(parts: {
  readonly host: ReplicaHost;
  readonly tablets: TabletSet;
  /** Since a master acknowledged a heartbeat; null: none has yet. */
  readonly masterSilenceMs: () => number | null;
}): () => Promise<string> {
  const metrics = new Metrics();
  const counters = HOST_COUNTERS.map(({ counter, help, name }) => ({
    counter,
    series: metrics.counter({ name, help, labels: [] }).with({}),
    told: 0,
  }));
  const replicas = metrics.gauge({
    name: "stele_replicas",
    help: "Replicas on this server, by what they do.",
    labels: ["role"],
  });
  const [leaders, followers, suspects] = ["leader", "follower", "suspect"].map((role) =>
    replicas.with({ role }),
  );
  const silence = metrics
    .gauge({
      name: "stele_master_silence_seconds",
      help: "Since a master acknowledged a heartbeat; -1: none has yet.",
      labels: [],
    })
    .with({});
  return () => {
    const silenceMs = parts.masterSilenceMs();
    silence.set(silenceMs === null ? -1 : silenceMs / 1000);
    for (const counted of counters) {
      const now = parts.host.counters[counted.counter];
      counted.series.inc(now - counted.told);
      counted.told = now;
    }
    let leading = 0;
    let all = 0;
    for (const tablet of parts.tablets.tablets()) {
      all++;
      if (tablet.servingTerm !== null) leading++;
    }
    leaders?.set(leading);
    followers?.set(all - leading);
    suspects?.set([...parts.host.suspects()].length);
    return metrics.render();
  };
}
