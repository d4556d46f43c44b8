/**
 * What every applied catalog must be, on every master: tables tiled by their tablets, counters ahead of ids
 * (`checkCatalog`), and a replica id given to one tablet on one server, for ever.
 */
import { InvariantError } from "@stele/shared/assert.ts";
import type { ReplicaId } from "@stele/shared/ids.ts";
import type { CatalogReader } from "@stele/master/catalog/catalog.ts";
import { membersOf } from "@stele/master/catalog/rows.ts";
import { checkCatalog } from "@stele/master/testing/check-catalog.ts";
import type { Report } from "./report.ts";

export class CatalogTiling {
  readonly #report: Report;
  /** Where each replica belongs. */
  readonly #places = new Map<ReplicaId, string>();

  constructor(report: Report) {
    this.#report = report;
  }

  check(catalog: CatalogReader): void {
    try {
      checkCatalog(catalog);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#report(error.message);
    }
    for (const tablet of catalog.tablets()) {
      const { tabletId, config } = tablet;
      for (const { replicaId, serverId } of membersOf(config)) {
        this.#given(replicaId, `tablet ${tabletId} on server ${serverId}`);
      }
      const newcomer = catalog.replacementOf(tabletId)?.newcomer;
      if (newcomer === undefined) continue;
      this.#given(newcomer.replicaId, `tablet ${tabletId} on server ${newcomer.serverId}`);
    }
  }

  #given(replica: ReplicaId, place: string): void {
    const known = this.#places.get(replica);
    if (known === undefined) this.#places.set(replica, place);
    else if (known !== place) {
      this.#report(`replica id ${replica} is given to ${place}, and was given to ${known}`);
    }
  }
}
