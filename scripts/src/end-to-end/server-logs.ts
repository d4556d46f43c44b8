// What the servers of a test cluster wrote that no server should: errors, and text that is no record,
// which is how an uncaught exception looks.
import type { TestCluster } from "../launch/test-cluster.ts";

const ERROR_LEVEL = 50;

export function complaintsOf(cluster: TestCluster): string[] {
  return cluster.processes.flatMap(({ id }) =>
    cluster
      .log(id)
      .split("\n")
      .filter((line) => line !== "" && isComplaint(line))
      .map((line) => `${id}: ${line.slice(0, 500)}`),
  );
}

function isComplaint(line: string): boolean {
  try {
    const { level } = JSON.parse(line) as { readonly level?: number };
    return level === undefined || level >= ERROR_LEVEL;
  } catch {
    return true;
  }
}
