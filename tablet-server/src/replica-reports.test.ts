import { expect, test } from "vitest";
import { replicaId, tabletId, type ReplicaId, type TabletId } from "@stele/shared/ids.ts";
import type { GroupStatus } from "@stele/shared/replication/group.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import { ReplicaReports } from "./replica-reports.ts";
import type { TabletSet } from "./tablet-set.ts";
import type { TabletSizes } from "./tablet-sizes.ts";

class Reported {
  readonly statuses = new Map<number, Partial<GroupStatus>>();
  readonly tombstones = new Map<TabletId, ReplicaId>();
  readonly reports: ReplicaReports;

  constructor() {
    const host = {
      statuses: () => [...this.statuses.values()],
      suspects: () => [],
      tombstones: () => this.tombstones,
    } as unknown as ReplicaHost;
    const tablets = { tablet: () => null } as unknown as TabletSet;
    const sizes = { bytesOf: () => 0 } as unknown as TabletSizes;
    this.reports = new ReplicaReports({ host, tablets, sizes });
  }

  set(tablet: number, commit: number): void {
    this.statuses.set(tablet, {
      tabletId: tabletId(tablet),
      replicaId: replicaId(1),
      role: "follower",
      leader: null,
      config: { voters: [], outgoing: [], learners: [] },
      commit: commit as never,
      followers: [],
      awaitingSnapshot: true,
    });
  }

  take(sequence: number): number[] {
    return this.reports.take(sequence).replicas.map((report) => report.tabletId);
  }
}

test("a report is told until a heartbeat that carried it is acknowledged, and again when it changes", () => {
  const reported = new Reported();
  const { reports } = reported;
  reported.set(1, 10);
  reported.set(2, 10);
  expect(reports.take(1)).toMatchObject({ full: true });
  expect(reported.take(2)).toEqual([1, 2]);
  reported.set(2, 11);
  expect(reported.take(3)).toEqual([1, 2]);
  reports.acknowledged(2);
  expect(reported.take(4)).toEqual([2]);
  reports.acknowledged(1);
  expect(reported.take(5)).toEqual([2]);
  reports.acknowledged(5);
  expect(reports.take(6)).toMatchObject({ full: false, replicas: [] });
});

test("another master is told everything, and what the one before acknowledges counts no more", () => {
  const reported = new Reported();
  const { reports } = reported;
  reported.set(1, 10);
  reported.tombstones.set(tabletId(9), replicaId(4));
  reports.take(1);
  reports.acknowledged(1);
  expect(reports.take(2)).toEqual({ full: false, replicas: [], destroyed: [] });
  reports.forget();
  reports.acknowledged(2);
  const all = reports.take(3);
  expect(all).toMatchObject({ full: true, destroyed: [{ tabletId: 9, replicaId: 4 }] });
  expect(all.replicas).toHaveLength(1);
});

test("without any master nothing piles up, and an old heartbeat's acknowledgement is ignored", () => {
  const reported = new Reported();
  reported.set(1, 10);
  for (let sequence = 1; sequence <= 100; sequence++) reported.take(sequence);
  reported.reports.acknowledged(50);
  expect(reported.take(101)).toEqual([1]);
  reported.reports.acknowledged(100);
  expect(reported.take(102)).toEqual([]);
});
