/** One tablet of the tests' tablet servers: its place in the map and the rows in its range. */
import { logIndex, replicaId, serverId } from "@stele/shared/ids.ts";
import type { ServerId, TableId, TabletId } from "@stele/shared/ids.ts";
import { compareRowKeys, keyAfter } from "@stele/shared/row-key.ts";
import type { ScanChunk, ScanRequest } from "@stele/shared/row-operations.ts";
import { containsKey } from "@stele/shared/row-range.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { Row } from "@stele/shared/row.ts";
import type { TabletDescriptor } from "@stele/shared/tablet-descriptor.ts";
import type { MapEntry } from "@stele/shared/wire/tablet-map.ts";

export interface FakeTablet {
  readonly tabletId: TabletId;
  readonly table: FakeTable;
  range: RowRange;
  generation: number;
  configIndex: number;
  servers: ServerId[];
  /** Null: it has none. */
  leader: ServerId | null;
  /** What the followers believe, when it differs. */
  hint?: ServerId | null;
}

export interface FakeTable {
  readonly name: string;
  readonly tableId: TableId;
  readonly tablets: FakeTablet[];
  /** By key as latin1. */
  readonly rows: Map<string, Row>;
  dropped: boolean;
}

/** The servers of a cluster are numbered from 1; the number is the port. */
export function server(number: number): ServerId {
  return serverId(`00000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
}

export function nameOf(id: ServerId): string {
  return `ts${Number(id.slice(-12))}`;
}

export const text = (key: Buffer): string => key.toString("latin1");

export const schemaOf = ({ tableId: id }: FakeTable) => ({
  tableId: id,
  schemaVersion: 1,
  families: [],
});

export function descriptorOf(tablet: FakeTablet): TabletDescriptor {
  const { generation, range, servers, table } = tablet;
  return {
    tabletId: tablet.tabletId,
    schema: schemaOf(table),
    range,
    generation,
    configIndex: logIndex(tablet.configIndex),
    replicas: servers.map((id) => ({
      replicaId: replicaOf(tablet, id),
      serverId: id,
      role: "voter",
    })),
  };
}

/** What a master knows of it. */
export function entryOf(tablet: FakeTablet): MapEntry {
  const { configIndex, generation, leader, range, servers } = tablet;
  return {
    tabletId: tablet.tabletId,
    generation,
    configIndex,
    range,
    replicas: servers.map((id) => ({
      replicaId: replicaOf(tablet, id),
      serverId: id,
      role: "voter",
      name: nameOf(id),
      url: `http://127.0.0.1:${Number(id.slice(-12))}`,
    })),
    leader: leader === null ? null : replicaOf(tablet, leader),
  };
}

export function replicaOf({ tabletId: id }: FakeTablet, host: ServerId) {
  return replicaId(id * 1000 + Number(host.slice(-12)));
}

/** One chunk in the tablet's range, as `ScanChunk` tells. Each row counts for 10 bytes. */
export function scan({ range, table }: FakeTablet, request: ScanRequest): ScanChunk {
  const { byteBudget, countOnly, end, limit, reverse, start } = request;
  const wanted = [...table.rows.values()]
    .filter(({ key }) => containsKey(range, key) && containsKey({ start, end }, key))
    .sort((a, b) => compareRowKeys(a.key, b.key) * (reverse ? -1 : 1));
  const most = Math.min(limit, Math.max(1, Math.ceil(byteBudget / 10)));
  const taken = wanted.slice(0, most);
  const next = wanted[most];
  const resume = next === undefined ? null : reverse ? keyAfter(next.key) : next.key;
  return { rows: countOnly ? [] : taken, count: taken.length, resume };
}
