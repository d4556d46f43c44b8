import { replicaId, serverId, tabletId, tableId, type LogIndex } from "@stele/shared/ids.ts";
import { expect, test } from "vitest";
import type { TableRow, TabletRow } from "../catalog/rows.ts";
import type { ReportedReplica } from "../reports.ts";
import { followReports } from "./follow-reports.ts";
import { emptyPlan, type Situation, type World } from "./plan.ts";

const CONFIG = { voters: [], outgoing: [], learners: [] };
const NONE = 0 as LogIndex;

const replicaOf = (id: number, state: ReportedReplica["state"]): ReportedReplica => ({
  tabletId: tabletId(5),
  replicaId: replicaId(id),
  serverId: serverId(`00000000-0000-4000-8000-00000000000${id}`),
  state,
  role: id === 1 ? "leader" : "follower",
  term: 3,
  leader: replicaId(1),
  generation: 1,
  configIndex: NONE,
  config: CONFIG,
  commit: 9,
  lastIndex: 9,
  rows: 0,
  sizeBytes: 0,
  followers: [],
});

/** What the catalog takes from the reports of a tablet that is being dropped: those of leader and follower. */
function commandsFor(states: readonly [ReportedReplica["state"], ReportedReplica["state"]]) {
  const tablet: TabletRow = {
    tabletId: tabletId(5),
    tableId: tableId(2),
    range: { start: Buffer.alloc(0), end: null },
    generation: 1,
    config: CONFIG,
    configIndex: NONE,
    first: null,
    state: "ready",
  };
  const table = { state: "dropping" } as TableRow;
  const replicas = states.map((state, at) => replicaOf(at + 1, state));
  const situation: Situation = {
    world: {} as World,
    tablet,
    table,
    replacement: undefined,
    reported: new Map(replicas.map((replica) => [replica.replicaId, replica])),
    leader: replicas[0] ?? null,
  };
  const plan = emptyPlan();
  followReports(situation, plan);
  return plan.commands.map(({ kind }) => kind).filter((kind) => kind === "observe-dropped");
}

test("a tablet is dropped when its leader refuses to serve it, not when a follower does", () => {
  expect(commandsFor(["running", "dropped"])).toEqual([]);
  expect(commandsFor(["dropped", "running"])).toEqual(["observe-dropped"]);
});
