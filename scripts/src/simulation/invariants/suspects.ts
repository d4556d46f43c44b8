/**
 * A replica is declared damaged only where a fault may have damaged its disk. A healthy one that is declared so would
 * cost its group a copy, and a whole transfer, and nothing else would tell: the master replaces it.
 *
 * What the network brings (a snapshot with damaged frames), a torn tail and a read that failed are no reason.
 */
import type { ReplicaId } from "@stele/shared/ids.ts";
import type { SuspectReplica } from "@stele/shared/replication/suspect.ts";
import type { Report } from "./report.ts";

export type Suspected = Pick<SuspectReplica, "tabletId" | "replicaId" | "reason">;

/** Those of one server's disks, over its restarts. */
export class Suspects {
  readonly #report: Report;
  /** A mark outlives the damage that it comes from. */
  readonly #excused = new Set<ReplicaId>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** `isExcused`: a fault may have damaged what the disk holds of the replica. */
  check(suspects: Iterable<Suspected>, isExcused: (replica: ReplicaId) => boolean): void {
    for (const { tabletId, replicaId, reason } of suspects) {
      if (this.#excused.has(replicaId)) continue;
      if (isExcused(replicaId)) {
        this.#excused.add(replicaId);
        continue;
      }
      const who = `replica ${replicaId} of tablet ${tabletId}`;
      this.#report(`${who} is declared damaged, and no fault touched its disk: ${reason}`);
    }
  }
}
