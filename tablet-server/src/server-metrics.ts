/** What a tablet server shows under /metrics: per server, never per tablet or key. */
import { countedMetrics, type CountedMetric } from "@stele/shared/counted-metrics.ts";
import { Metrics } from "@stele/shared/metrics.ts";
import { HOST_METRICS } from "@stele/shared/replication/host-metrics.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { RowCounters } from "./row-counters.ts";
import type { TabletSet } from "./tablet-set.ts";

const ROW_METRICS: readonly CountedMetric<RowCounters>[] = [
  { name: "stele_read_calls_total", help: "Calls that read keys.", counter: "readCalls" },
  { name: "stele_write_calls_total", help: "Calls that write rows.", counter: "writeCalls" },
  { name: "stele_scan_calls_total", help: "Calls that scan a range.", counter: "scanCalls" },
  { name: "stele_rows_read_total", help: "Rows given or counted.", counter: "rowsRead" },
  {
    name: "stele_rows_written_total",
    help: "Writes of rows taken, repeated ones included.",
    counter: "rowsWritten",
  },
  { name: "stele_call_bytes_in_total", help: "Bytes of row calls.", counter: "bytesIn" },
  { name: "stele_call_bytes_out_total", help: "Bytes of their answers.", counter: "bytesOut" },
  {
    name: "stele_calls_throttled_total",
    help: "Calls refused because too much waits.",
    counter: "throttled",
  },
  {
    name: "stele_calls_redirected_total",
    help: "Calls told to go elsewhere.",
    counter: "redirected",
  },
  { name: "stele_calls_failed_total", help: "Calls that failed as a whole.", counter: "failed" },
];

/** Renders the metrics of now. */
export function tabletServerMetrics(parts: {
  readonly host: ReplicaHost;
  readonly tablets: TabletSet;
  readonly rows: RowCounters;
  /** Since a master acknowledged a heartbeat; null: none has yet. */
  readonly masterSilenceMs: () => number | null;
}): () => Promise<string> {
  const metrics = new Metrics();
  const count = [
    countedMetrics(metrics, HOST_METRICS, parts.host.counters),
    countedMetrics(metrics, ROW_METRICS, parts.rows),
  ];
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
    for (const each of count) each();
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
