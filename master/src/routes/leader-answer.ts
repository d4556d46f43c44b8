/** Answers that only the catalog's leader may give: anybody else names the leader. */
import type { CatalogReplica } from "../catalog-replica.ts";
import { LeadershipLost, type CatalogLeader } from "../catalog-leader.ts";
import type { MasterDirectory } from "../master-directory.ts";

export type LeaderAnswer<Result> =
  | { readonly kind: "answer"; readonly result: Result }
  | { readonly kind: "not-leader"; readonly leaderUrl: string | null };

export interface CatalogAccess {
  readonly replica: CatalogReplica;
  readonly masters: MasterDirectory;
}

/** `work` runs on a confirmed leadership; when it is lost meanwhile, the caller asks the next leader. */
export async function leaderAnswer<Result>(
  { replica, masters }: CatalogAccess,
  work: (leader: CatalogLeader) => Result | Promise<Result>,
): Promise<LeaderAnswer<Result>> {
  try {
    return { kind: "answer", result: await work(await replica.confirmedLeader()) };
  } catch (error) {
    if (!(error instanceof LeadershipLost)) throw error;
    return { kind: "not-leader", leaderUrl: masters.leaderUrl() };
  }
}
