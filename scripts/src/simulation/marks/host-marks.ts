/**
 * Marks of what can be seen of the processes from outside: counters of hosts, disks and network since the last
 * sample, and groups whose leaders and members changed. What a host did after the last sample before its end is not
 * counted.
 */
import { CATALOG_GROUP } from "@stele/shared/ids.ts";
import type { TabletId } from "@stele/shared/ids.ts";
import { isJoint } from "@stele/shared/raft/group-config.ts";
import type { GroupConfig } from "@stele/shared/raft/group-config.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import type { Marks } from "@stele/shared/testing/marks.ts";
import { serversOf } from "../cluster/simulated-process.ts";
import type { ClusterUnderTest, ServerProcess } from "../cluster/simulated-process.ts";

type Names<Counters> = Partial<Readonly<Record<keyof Counters, string>>>;

const HOST_NAMES = {
  checkpoints: "checkpoint",
  freedSegments: "log segment freed",
  snapshotsSent: "snapshot sent",
  snapshotsInstalled: "snapshot installed",
  tornTailsRepaired: "torn tail repaired",
  suspectReplicas: "replica suspect",
} as const;

const LOG_DISK_NAMES = {
  lostSectors: "unsynced sector lost",
  lostNames: "unsynced name lost",
  failedSyncs: "log sync failed",
  failedSteps: "log step failed",
  fullWrites: "log write found no room",
  stalls: "log disk stalled",
  flippedBits: "bit of the log flipped",
  misdirectedSectors: "sector of the log misplaced",
} as const;

const NETWORK_NAMES = {
  blocked: "message blocked",
  lost: "message lost",
  repliesLost: "reply lost",
  spikes: "message delayed for long",
  broken: "connection broken",
  damaged: "message damaged",
  duplicated: "message duplicated",
} as const;

/** Every mark that this file counts. */
export const HOST_MARK_NAMES: readonly string[] = [
  ...Object.values(HOST_NAMES),
  ...Object.values(LOG_DISK_NAMES),
  ...Object.values(NETWORK_NAMES),
  "catalog leader changed",
  "tablet leader changed",
  "joint config",
  "learner",
  "voter replaced",
  "replica awaited its first snapshot",
  "replica destroyed",
];

interface SeenGroup {
  term: number;
  /** Where the newest config that was left for good stands, and its voters. */
  configIndex: number;
  voters: string;
}

export class HostMarks {
  readonly #cluster: ClusterUnderTest;
  readonly #marks: Marks;
  /** By the object that counts: what it counted at the last sample. */
  readonly #counted = new WeakMap<object, Readonly<Record<string, number>>>();
  readonly #groups = new Map<TabletId, SeenGroup>();

  constructor(cluster: ClusterUnderTest, marks: Marks) {
    this.#cluster = cluster;
    this.#marks = marks;
  }

  /** To be called now and then, and at the end of the run. */
  sample(): void {
    this.#count(this.#cluster.network.counters, NETWORK_NAMES);
    for (const process of serversOf(this.#cluster.processes)) this.#sampleProcess(process);
  }

  #sampleProcess({ host, disks }: ServerProcess): void {
    this.#count(disks.log.counters, LOG_DISK_NAMES);
    if (host === null) return;
    this.#count(host.counters, HOST_NAMES);
    this.#countTombstones(host);
    for (const group of host.groups()) this.#look(group as Replica);
  }

  #count<Counters extends object>(counters: Counters, names: Names<Counters>): void {
    const before = this.#counted.get(counters) ?? {};
    const now = { ...counters } as Readonly<Record<string, number>>;
    for (const [counter, name] of Object.entries(names) as [string, string][]) {
      const by = (now[counter] ?? 0) - (before[counter] ?? 0);
      if (by > 0) this.#marks.add(name, by);
    }
    this.#counted.set(counters, now);
  }

  /** Since the host was first seen: it may have recovered some. */
  #countTombstones(host: ReplicaHost): void {
    const tombstones = host.tombstones().size;
    const before = this.#counted.get(host)?.["tombstones"] ?? tombstones;
    if (tombstones > before) this.#marks.add("replica destroyed", tombstones - before);
    this.#counted.set(host, { tombstones });
  }

  #look(replica: Replica): void {
    const { tabletId, raft, machine } = replica;
    const { config, configIndex, term, role, commit } = raft;
    if (machine === null) this.#marks.add("replica awaited its first snapshot");
    if (role !== "leader") return;
    if (isJoint(config)) this.#marks.add("joint config");
    if (config.learners.length > 0) this.#marks.add("learner");
    const voters = namesOf(config);
    const seen = this.#groups.get(tabletId);
    if (seen === undefined) {
      this.#groups.set(tabletId, { term, configIndex, voters });
      return;
    }
    if (term > seen.term) {
      const isCatalog = tabletId === CATALOG_GROUP;
      this.#marks.add(isCatalog ? "catalog leader changed" : "tablet leader changed");
      seen.term = term;
    }
    if (isJoint(config) || configIndex <= seen.configIndex || configIndex > commit) return;
    if (voters !== seen.voters) this.#marks.add("voter replaced");
    seen.configIndex = configIndex;
    seen.voters = voters;
  }
}

function namesOf({ voters }: GroupConfig): string {
  return voters.map(({ replicaId }) => replicaId).join(" ");
}
