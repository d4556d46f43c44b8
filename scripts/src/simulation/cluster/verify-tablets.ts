/** `:verify` of every tablet, as an operator would ask for it: the replicas hold the same rows. */
import type { CallLimits, ClusterOperations, PageOf } from "@stele/frontend/operations.ts";
import { must } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { TabletView } from "@stele/shared/wire/admin-views.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

const VERIFY_MS = 10_000;
const PAGE_TABLETS = 100;

export interface VerificationReport {
  /** A tablet whose replicas differ; null: none was found. */
  readonly differing: string | null;
  /** A tablet that could not be verified now. */
  readonly unverified: string | null;
}

/** REQUIRES: the cluster was at rest. */
export async function verifyTablets(cluster: SimulatedCluster): Promise<VerificationReport> {
  const [frontend] = cluster.frontends;
  const { clock, routing } = must(frontend?.running, "a front-end that runs");
  const limits = () => ({
    deadlineMs: clock.monotonicMs() + VERIFY_MS,
    signal: new AbortController().signal,
  });
  const { cluster: admin } = routing.operations;
  let differing: string | null = null;
  let unverified: string | null = null;
  for (const id of await tabletsOf(admin, limits)) {
    try {
      const { equal, index, replicas } = await admin.verify(id, limits());
      const seen = replicas.map(({ server, rows, hash }) => `${server}: ${rows} rows, ${hash}`);
      if (!equal) differing ??= `tablet ${id} differs at index ${index}: ${seen.join("; ")}`;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      unverified ??= `tablet ${id} is not verified: ${error.message}`;
    }
  }
  return { differing, unverified };
}

async function tabletsOf(admin: ClusterOperations, limits: () => CallLimits): Promise<string[]> {
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const page: PageOf<TabletView> = await admin.allTablets(
      { after, limit: PAGE_TABLETS },
      limits(),
    );
    for (const { id } of page.items) ids.push(id);
    after = page.next;
  } while (after !== null);
  return ids;
}
