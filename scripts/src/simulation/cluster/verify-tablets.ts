/** `:verify` of every tablet, as an operator would ask for it: the replicas hold the same rows. */
import { must } from "@stele/shared/assert.ts";
import { delay } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

const VERIFY_MS = 10_000;
const ATTEMPTS = 5;
const PAGE = 100;

/** What is wrong, tablet by tablet. REQUIRES: the cluster is at rest. */
export async function verifyTablets(cluster: SimulatedCluster): Promise<string[]> {
  const [frontend] = cluster.frontends;
  const { clock, routing } = must(frontend?.running, "a front-end that runs");
  const limits = () => ({
    deadlineMs: clock.monotonicMs() + VERIFY_MS,
    signal: new AbortController().signal,
  });
  const { cluster: admin } = routing.operations;
  const problems: string[] = [];
  const { items } = await admin.allTablets({ after: null, limit: PAGE }, limits());
  for (const { id } of items) {
    for (let attempt = 1; ; attempt++) {
      try {
        const { equal, index, replicas } = await admin.verify(id, limits());
        const seen = replicas.map(({ server, rows, hash }) => `${server}: ${rows} rows, ${hash}`);
        if (!equal) problems.push(`tablet ${id} differs at index ${index}: ${seen.join("; ")}`);
        break;
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        if (attempt < ATTEMPTS) {
          await delay(clock, error.body.retryAfterMs ?? 0);
          continue;
        }
        problems.push(`tablet ${id} is not verified: ${error.message}`);
        break;
      }
    }
  }
  return problems;
}
