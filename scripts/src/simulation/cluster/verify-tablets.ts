/** `:verify` of every tablet, as an operator would ask for it: the replicas hold the same rows. */
import { must } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

const VERIFY_MS = 10_000;
const PAGE = 100;

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
  const { items } = await admin.allTablets({ after: null, limit: PAGE }, limits());
  for (const { id } of items) {
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
