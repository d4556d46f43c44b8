/** Replicas that must still be destroyed: by id, by server and by tablet. */
import { must } from "@stele/shared/assert.ts";
import type { ReplicaId, ServerId, TabletId } from "@stele/shared/ids.ts";
import type { RemovedRow } from "./rows.ts";

type Rows = Map<ReplicaId, RemovedRow>;
const NONE: ReadonlyMap<ReplicaId, RemovedRow> = new Map();

export class RemovedIndex {
  readonly #rows: Rows = new Map();
  readonly #byServer = new Map<ServerId, Rows>();
  readonly #byTablet = new Map<TabletId, Rows>();

  get size(): number {
    return this.#rows.size;
  }

  get(id: ReplicaId): RemovedRow | undefined {
    return this.#rows.get(id);
  }

  all(): Iterable<RemovedRow> {
    return this.#rows.values();
  }

  on(server: ServerId): ReadonlyMap<ReplicaId, RemovedRow> {
    return this.#byServer.get(server) ?? NONE;
  }

  of(tablet: TabletId): ReadonlyMap<ReplicaId, RemovedRow> {
    return this.#byTablet.get(tablet) ?? NONE;
  }

  add(row: RemovedRow): void {
    this.#rows.set(row.replicaId, row);
    addUnder(this.#byServer, row.serverId, row);
    addUnder(this.#byTablet, row.tabletId, row);
  }

  delete(id: ReplicaId): void {
    const row = must(this.#rows.get(id), `replica ${id} is not on the removed list`);
    this.#rows.delete(id);
    deleteUnder(this.#byServer, row.serverId, id);
    deleteUnder(this.#byTablet, row.tabletId, id);
  }
}

function addUnder<Key>(index: Map<Key, Rows>, key: Key, row: RemovedRow): void {
  let rows = index.get(key);
  if (rows === undefined) index.set(key, (rows = new Map()));
  rows.set(row.replicaId, row);
}

function deleteUnder<Key>(index: Map<Key, Rows>, key: Key, id: ReplicaId): void {
  const rows = index.get(key);
  rows?.delete(id);
  if (rows?.size === 0) index.delete(key);
}
