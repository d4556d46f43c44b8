/** The cluster's own state: from the catalog's leader, from each master, from a tablet's leader. */
import { DatabaseError } from "@stele/shared/errors.ts";
import {
  clusterServersRoute,
  clusterStatusRoute,
  clusterTabletRoute,
  clusterTabletsRoute,
} from "@stele/shared/wire/admin-calls.ts";
import type { StatusView } from "@stele/shared/wire/admin-views.ts";
import type { CallLimits, ClusterOperations } from "../operations.ts";
import type { MasterCall } from "./master-client.ts";
import type { MasterWatch } from "./master-watch.ts";
import { verifyTablet } from "./verify-tablet.ts";
import type { VerifyParts } from "./verify-tablet.ts";

const ATTEMPT_MS = 5_000;
/** The state is wanted when things are bad: then it must not take long to say so. */
const STATUS_MS = 3_000;
const STATUS_ATTEMPT_MS = 1_000;

export interface ClusterOperationsParts extends VerifyParts {
  readonly watch: MasterWatch;
}

export function routedCluster(parts: ClusterOperationsParts): ClusterOperations {
  const { clock, masters, watch } = parts;
  const read = ({ deadlineMs }: CallLimits): MasterCall => ({
    deadlineMs,
    attemptMs: ATTEMPT_MS,
    effect: "read",
  });
  const soon = ({ deadlineMs }: CallLimits): number =>
    Math.min(deadlineMs, clock.monotonicMs() + STATUS_MS);
  return {
    status: async (limits) => {
      const deadlineMs = soon(limits);
      try {
        const call: MasterCall = { deadlineMs, attemptMs: STATUS_ATTEMPT_MS, effect: "read" };
        return (await masters.call(clusterStatusRoute, {}, call)).result;
      } catch (error) {
        if (error instanceof DatabaseError) return withoutMasters(error.body.detail);
        throw error;
      }
    },
    servers: async (limits) => {
      return (await masters.call(clusterServersRoute, {}, read(limits))).result;
    },
    masters: (limits) => watch.views(soon(limits)),
    allTablets: async (page, limits) => {
      return (await masters.call(clusterTabletsRoute, { ...page }, read(limits))).result;
    },
    tablet: async (id, limits) => {
      return (await masters.call(clusterTabletRoute, { id }, read(limits))).result;
    },
    verify: (id, limits) => verifyTablet(parts, id, limits),
  };
}

function withoutMasters(detail: string): StatusView {
  return {
    status: "red",
    reasons: [
      {
        code: "NO_CATALOG_LEADER",
        detail,
        next: "Bring back a majority of the masters; rows are served meanwhile, nothing is repaired.",
      },
    ],
  };
}
