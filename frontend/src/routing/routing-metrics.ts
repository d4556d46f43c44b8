/** What the routing layer counts. */
import type { CounterSeries, Metrics } from "@stele/shared/metrics.ts";

export interface RoutingMetrics {
  /** Attempts that another replica or tablet has to serve, by why. */
  readonly redirected: {
    readonly notLeader: CounterSeries;
    readonly wrongRange: CounterSeries;
    readonly notHere: CounterSeries;
    readonly dropped: CounterSeries;
    readonly unreachable: CounterSeries;
  };
  /** Searches for the leader of a tablet. */
  readonly searches: CounterSeries;
  /** Times that a silent leader was found to be replaced. */
  readonly superseded: CounterSeries;
}

export function routingMetrics(metrics: Metrics): RoutingMetrics {
  const redirected = metrics.counter({
    name: "stele_routing_redirects_total",
    help: "Attempts of row calls that had to be made elsewhere, by reason.",
    labels: ["reason"],
  });
  const plain = (name: string, help: string): CounterSeries =>
    metrics.counter({ name, help, labels: [] }).with({});
  return {
    redirected: {
      notLeader: redirected.with({ reason: "not-leader" }),
      wrongRange: redirected.with({ reason: "wrong-range" }),
      notHere: redirected.with({ reason: "not-here" }),
      dropped: redirected.with({ reason: "table-dropped" }),
      unreachable: redirected.with({ reason: "unreachable" }),
    },
    searches: plain("stele_routing_leader_searches_total", "Searches for a tablet's leader."),
    superseded: plain(
      "stele_routing_silent_leaders_total",
      "Times that a tablet's silent leader was found to be replaced.",
    ),
  };
}
