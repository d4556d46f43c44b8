import { logIndex, replicaId, serverId, tableId, tabletId } from "@stele/shared/ids.ts";
import type { Member } from "@stele/shared/raft/group-config.ts";
import { expect, test } from "vitest";
import { Catalog } from "../catalog/catalog.ts";
import type { RemovedRow } from "../catalog/rows.ts";
import type { ReportedReplica } from "../reports.ts";
import type { World } from "./plan.ts";
import { DEFAULT_PLAN_LIMITS } from "./plan.ts";
import { destroyRemoved } from "./remove-orphans.ts";

const TABLET = tabletId(5);
const HERE = serverId("00000000-0000-4000-8000-000000000001");
const ELSEWHERE = serverId("00000000-0000-4000-8000-000000000002");
/** Lost its place in the config, and lives on the server of a voter. */
const REMOVED: RemovedRow = { tabletId: TABLET, replicaId: replicaId(9), serverId: HERE };

const member = (id: number, server = HERE): Member => ({
  replicaId: replicaId(id),
  serverId: server,
});

/** What the server says of that voter; `silent`: this leader has not heard the server's full report. */
type Said = ReportedReplica["state"] | "absent" | "silent";

/** Whether the removed replica gets its step beside this voter. */
function isDestroyed(voter: Member, said: Said, list: "voters" | "outgoing" | "learners"): boolean {
  const catalog = new Catalog();
  const config = { voters: [], outgoing: [], learners: [], [list]: [voter] };
  catalog.put({
    kind: "tablet",
    row: {
      tabletId: TABLET,
      tableId: tableId(2),
      range: { start: Buffer.alloc(0), end: null },
      generation: 1,
      config,
      configIndex: logIndex(4),
      first: null,
      state: "ready",
    },
  });
  const isReported = said !== "absent" && said !== "silent";
  const reported = isReported
    ? [[voter.replicaId, { state: said } as ReportedReplica] as const]
    : [];
  const world: World = {
    catalog,
    reports: {
      knows: () => said !== "silent",
      of: () => new Map(reported),
      on: () => new Map(reported),
      loadOf: () => ({ leaders: 0, sizeBytes: 0 }),
    },
    isLive: () => true,
    isUnheard: () => false,
    limits: DEFAULT_PLAN_LIMITS,
  };
  const { step, decision } = destroyRemoved(world, REMOVED);
  expect(decision?.outcome).toBe(step === null ? "refuses" : undefined);
  if (step === null) return false;
  const { serverId: server, ...what } = REMOVED;
  expect(step).toEqual({ serverId: server, step: { kind: "destroy-replica", ...what } });
  return true;
}

test("a removed replica stays while the step would destroy a voter of a lower id with it", () => {
  for (const list of ["voters", "outgoing"] as const) {
    for (const said of ["running", "dropped", "waiting", "silent"] as const) {
      expect(isDestroyed(member(7), said, list), `${said} in ${list}`).toBe(false);
    }
  }
});

test("a removed replica is destroyed where no vote goes with it", () => {
  expect(isDestroyed(member(10), "running", "voters")).toBe(true);
  expect(isDestroyed(member(7, ELSEWHERE), "running", "voters")).toBe(true);
  expect(isDestroyed(member(7), "suspect", "voters")).toBe(true);
  expect(isDestroyed(member(7), "absent", "voters")).toBe(true);
  expect(isDestroyed(member(7), "running", "learners")).toBe(true);
});
