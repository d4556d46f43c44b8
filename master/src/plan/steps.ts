/** Steps as tablet servers take them, made from catalog rows. */
import type { ReplicaId } from "@stele/shared/ids.ts";
import type { GroupConfig, Member } from "@stele/shared/raft/group-config.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import type { Step } from "@stele/shared/wire/heartbeat.ts";
import type { TableRow, TabletRow } from "../catalog/rows.ts";
import type { ReportedReplica } from "../reports.ts";
import type { Plan } from "./plan.ts";

type WireSchema = Extract<Step, { kind: "create-replica" }>["schema"];

/** `initialConfig` null: the replica waits for a snapshot. */
export function createReplicaStep(
  tablet: TabletRow,
  table: TableRow,
  replicaId: ReplicaId,
  initialConfig: GroupConfig | null,
  campaign: boolean,
): Step {
  return {
    kind: "create-replica",
    tabletId: tablet.tabletId,
    replicaId,
    generation: tablet.generation,
    range: tablet.range,
    schema: wireSchema(table),
    initialConfig: initialConfig === null ? null : wireConfig(initialConfig),
    campaign,
  };
}

/** Asks the leader for a config that differs from the one it reported. */
export function addConfigStep(
  plan: Plan,
  leader: ReportedReplica,
  target: { readonly voters: readonly Member[]; readonly learners: readonly Member[] },
): void {
  plan.steps.push({
    serverId: leader.serverId,
    step: {
      kind: "change-config",
      tabletId: leader.tabletId,
      generation: leader.generation,
      configIndex: leader.configIndex,
      voters: byReplica(target.voters),
      learners: byReplica(target.learners),
    },
  });
}

export function wireSchema(table: TableSchema): WireSchema {
  const { tableId, schemaVersion } = table;
  const families = table.families.map(({ name, number, rule }) => ({
    name,
    number,
    rule: { maxVersions: rule.maxVersions },
  }));
  return { tableId, schemaVersion, families };
}

function wireConfig(config: GroupConfig): {
  voters: Member[];
  outgoing: Member[];
  learners: Member[];
} {
  const { voters, outgoing, learners } = config;
  return { voters: [...voters], outgoing: [...outgoing], learners: [...learners] };
}

function byReplica(members: readonly Member[]): Member[] {
  return [...members].sort((a, b) => a.replicaId - b.replicaId);
}
