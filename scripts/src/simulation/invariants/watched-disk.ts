/**
 * What one server's disks durably hold, over its restarts: gathered from the batches whose fdatasync was confirmed,
 * and compared with what every recovery finds.
 *
 * W1. What was durable is found again; a batch that was never confirmed may be found as well.
 * W2. A replica that a fault of the disk may have touched is not compared with others any more, and may come back
 *     as suspect, or not at all. If it comes back as if it were whole, it has to be; and if it does so from a disk
 *     on which no damage is left to be found, it is compared again.
 * W3. What a snapshot brought is flushed before the log says that it is there.
 * W4. A replica comes back with the configs that its log has, and never after its tombstone.
 * W5. Only a replica that a fault may have damaged is a suspect (suspects.ts).
 */
import { unreachable } from "@stele/shared/assert.ts";
import type { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import type { LogRecord } from "@stele/shared/commit-log/records.ts";
import type { ReplicaId, TabletId, Term } from "@stele/shared/ids.ts";
import { decodeGroupConfig } from "@stele/shared/raft/group-config-codec.ts";
import {
  decodeCreation,
  decodeInstallation,
  type LogPosition,
} from "@stele/shared/replication/replica-records.ts";
import type { ReplicaHost } from "@stele/shared/replication/replica-host.ts";
import type { Replica } from "@stele/shared/replication/replica.ts";
import { DamagedValueError } from "@stele/shared/replication/sealed-value.ts";
import type { StateMachineFactory } from "@stele/shared/replication/state-machine.ts";
import type { CheckerName } from "../../check/checker-name.ts";
import type { Violations } from "../violation.ts";
import { DurableReplica } from "./durable-replica.ts";
import { FreedSegments } from "./freed-segments.ts";
import { StoredRecords } from "./stored-records.ts";
import { problemOfConfigs, problemOfStateConfig } from "./placed-configs.ts";
import { Suspects } from "./suspects.ts";
import { nameOfGroup, type WatchedGroups } from "./watched-group.ts";
import type { WrittenBatch, WrittenRecord } from "./written-batch.ts";

const ORIGIN = { index: 0, term: 0 } as LogPosition;

type InstalledRecord = Extract<LogRecord, { kind: "snapshot-installed" }>;

/** The store of the same server. */
export interface StoreBeside {
  readonly store: MemoryStoreDisk;
  readonly factory: StateMachineFactory;
}

export class WatchedDisk {
  readonly #name: string;
  readonly #groups: WatchedGroups;
  readonly #violations: Violations;
  readonly #freed: FreedSegments;
  readonly #replicas = new Map<TabletId, Map<ReplicaId, DurableReplica>>();
  /** W2. */
  readonly #touched = new Set<ReplicaId>();
  readonly #suspects: Suspects;

  constructor(name: string, groups: WatchedGroups, violations: Violations) {
    this.#name = name;
    this.#groups = groups;
    this.#violations = violations;
    this.#freed = new FreedSegments((detail) =>
      violations.add("log freed below the checkpoint", `${name}: ${detail}`),
    );
    this.#suspects = new Suspects((detail) =>
      violations.add("suspect means damaged", `${name}: ${detail}`),
    );
  }

  replica(tablet: TabletId, replica: ReplicaId): DurableReplica {
    return this.#find(tablet, replica) ?? this.#add(tablet, replica, ORIGIN);
  }

  isTouched(replica: ReplicaId): boolean {
    return this.#touched.has(replica);
  }

  /** W2: everything that is there now may be damaged. */
  touched(): void {
    for (const replicas of this.#replicas.values()) {
      for (const { replicaId } of replicas.values()) this.#touched.add(replicaId);
    }
  }

  /** W2. No damage is left to be found: whoever came back has all that it ever had. */
  repaired(host: ReplicaHost): void {
    for (const { replicaId } of host.groups()) this.#touched.delete(replicaId);
  }

  /** W5. `isTainted`: damage may not be found yet, also of a replica that is not known here. */
  checkSuspects(host: ReplicaHost, { isTainted }: { readonly isTainted: boolean }): void {
    this.#suspects.check(host.suspects(), (id) => isTainted || this.#touched.has(id));
  }

  /** The batch is on its way to the disk. */
  writing({ records }: WrittenBatch, beside: StoreBeside): void {
    for (const written of records) {
      const { record } = written;
      if (record.kind === "entries") this.#see(written);
      if (record.kind === "snapshot-installed") this.#checkStaged(record, beside);
    }
  }

  /** The batch is durable. */
  wrote({ segment, records }: WrittenBatch): void {
    for (const written of records) this.#take(segment, written);
  }

  /** The file of the segment is about to be deleted. */
  freeing(segment: number, store: MemoryStoreDisk): void {
    const isTouched = (replica: ReplicaId): boolean => this.#touched.has(replica);
    this.#freed.freed(segment, new StoredRecords(store.flushed), isTouched);
  }

  /** W1. */
  recovered(host: ReplicaHost): void {
    const suspects = new Set([...host.suspects()].map(({ replicaId }) => replicaId));
    const tombstones = host.tombstones();
    for (const [tablet, replicas] of this.#replicas) {
      for (const [id, durable] of replicas) {
        if (durable.isSuspect || (tombstones.get(tablet) ?? -1) >= id) continue;
        if (suspects.has(id)) durable.isSuspect = true;
        const found = host.group(tablet) as Replica | null;
        const problem = this.#problemOf(durable, found, suspects);
        const isThere = found?.replicaId === id && !suspects.has(id);
        if (problem === null || (this.#touched.has(id) && !isThere)) continue;
        const who = `${this.#name}, ${nameOfGroup(tablet)}, replica ${id}`;
        this.#violations.add("recovery", `${who}: ${problem}`);
      }
    }
    for (const group of host.groups()) {
      this.#checkConfigs(group as Replica);
      this.#takeRecovered(group as Replica);
    }
  }

  /** The process is gone; what it found damaged stays so, also what it was about to destroy. */
  stopped(host: ReplicaHost, store: MemoryStoreDisk): void {
    for (const { tabletId, replicaId } of host.suspects()) {
      const durable = this.#find(tabletId, replicaId);
      if (durable !== null) durable.isSuspect = true;
    }
    const records = new StoredRecords(store.contents);
    for (const [tablet, replicas] of this.#replicas) {
      const marked = this.readable(() => records.suspect(tablet));
      const durable = marked === null ? undefined : replicas.get(marked);
      if (durable !== undefined) durable.isSuspect = true;
    }
  }

  /** What a record of the store says; null: nothing, or a fault has damaged it. */
  readable<T>(read: () => T | null): T | null {
    try {
      return read();
    } catch (error) {
      if (error instanceof DamagedValueError && this.#touched.size > 0) return null;
      throw error;
    }
  }

  #problemOf(
    durable: DurableReplica,
    found: Replica | null,
    suspects: ReadonlySet<ReplicaId>,
  ): string | null {
    if (durable.buriedIn !== null) return "its tombstone is lost";
    if (suspects.has(durable.replicaId)) return "its part of the log is found damaged";
    if (found?.replicaId !== durable.replicaId) return "it is not found again";
    const { lastIndex, vote } = durable;
    const { hardState } = found.logState;
    if (found.raft.lastIndex < lastIndex) {
      return `its log ends at ${found.raft.lastIndex}, and ended at ${lastIndex}`;
    }
    const term = found.raft.termOf(lastIndex);
    if (term !== undefined && term !== durable.termOf(lastIndex)) {
      return `entry ${lastIndex} is of term ${term}, and was of term ${durable.termOf(lastIndex)}`;
    }
    // A vote that was not confirmed may be found as well.
    const isOther = vote.vote !== null && vote.vote !== hardState.vote;
    if (hardState.term < vote.term || (hardState.term === vote.term && isOther)) {
      return (
        `it knows term ${hardState.term}, vote ${hardState.vote}, ` +
        `and had term ${vote.term}, vote ${vote.vote}`
      );
    }
    return null;
  }

  /** W3. */
  #checkStaged(record: InstalledRecord, { store, factory }: StoreBeside): void {
    const { machineState } = decodeInstallation(record.state);
    const rows = (tree: OrderedTree): Map<string, Buffer> => {
      const found = new Map<string, Buffer>();
      for (const range of factory.rangesOf(machineState)) {
        tree.scan({ ...range, reverse: false }, (key, value) => {
          found.set(key.toString("hex"), value);
          return true;
        });
      }
      return found;
    };
    const flushed = rows(store.flushed);
    for (const [key, value] of rows(store.contents)) {
      if (flushed.get(key)?.equals(value) === true || store.isRotten) continue;
      const who = `${this.#name}, ${nameOfGroup(record.tabletId)}, replica ${record.replicaId}`;
      const detail = `takes in a snapshot at ${record.index} whose data is not flushed`;
      this.#violations.add("acknowledged means durable", `${who} ${detail}`);
      return;
    }
  }

  /** W4. */
  #checkConfigs({ tabletId, replicaId, raft }: Replica): void {
    const { entries } = this.#groups.of(tabletId, replicaId);
    const problem = problemOfConfigs(raft.configHistory(), entries, (index) => raft.termOf(index));
    if (problem === null) return;
    const who = `${this.#name}, ${nameOfGroup(tabletId)}, replica ${replicaId}`;
    this.#violations.add("recovery", `${who}: ${problem}`);
  }

  /** What a recovery found is durable from then on, confirmed before or not. */
  #takeRecovered(found: Replica): void {
    const { tabletId, replicaId, log, logState } = found;
    const { truncated, hardState, config } = logState;
    const known = this.#find(tabletId, replicaId);
    // Its creation was never confirmed, and survived all the same.
    const isNews = known === null && config.config.voters.length > 0;
    if (isNews) this.#groups.founded(tabletId, config.config);
    const { quorum, commitments } = this.#groups.of(tabletId, replicaId);
    if (isNews) commitments.beginsAt(truncated.index);
    const durable = known ?? this.#add(tabletId, replicaId, truncated);
    if (known === null) quorum.hasConfig(config.index, config.config);
    if (durable.floor.index < truncated.index && durable.termOf(truncated.index) === null) {
      durable.hasState(truncated);
    }
    quorum.hasState(replicaId, truncated.index);
    for (let index = log.firstIndex as number; index <= log.lastIndex; index++) {
      const term = log.termOf(index) as Term;
      if (durable.termOf(index) === term) continue;
      const segment = log.locationOf(index)?.segment ?? 0;
      durable.hasEntries(index, [term], segment);
      quorum.hasEntry(replicaId, index, term);
    }
    if (durable.lastIndex > log.lastIndex) durable.hasEntries(log.lastIndex + 1, [], 0);
    durable.hasVote(hardState, durable.voteSegment);
  }

  #see({ record, payloads }: WrittenRecord): void {
    if (record.kind !== "entries") return;
    const { tabletId, replicaId, entries } = record;
    const group = this.#groups.of(tabletId, replicaId);
    const durable = this.replica(tabletId, replicaId);
    const where = (): string => `replica ${replicaId} writes it on ${this.#name}`;
    const first = entries[0]?.index ?? 0;
    let previousTerm = durable.termOf(first - 1);
    for (const [at, { index, term, kind }] of entries.entries()) {
      const payload = payloads[at] as Buffer;
      group.entries.see({ index, term, kind, payload, previousTerm }, where);
      previousTerm = term;
      if (kind === "config") group.quorum.hasConfig(index, decodeGroupConfig(payload));
    }
  }

  #take(segment: number, { record }: WrittenRecord): void {
    const { tabletId, replicaId } = record;
    if (record.kind === "replica-created") {
      const { config } = decodeCreation(record.state);
      if (config.config.voters.length > 0) this.#groups.founded(tabletId, config.config);
    }
    const { quorum, sequence, commitments, entries } = this.#groups.of(tabletId, replicaId);
    const durable = this.replica(tabletId, replicaId);
    const report = (checker: CheckerName, detail: string): void => {
      const who = `${this.#name}, ${nameOfGroup(tabletId)}, replica ${replicaId}`;
      this.#violations.add(checker, `${who}: ${detail}`);
    };
    const facts = this.#freed.facts(segment, durable);
    switch (record.kind) {
      case "entries": {
        const terms: Term[] = [];
        for (const { index, term } of record.entries) {
          terms.push(term);
          quorum.hasEntry(replicaId, index, term);
        }
        durable.hasEntries(record.entries[0]?.index ?? 0, terms, segment);
        return;
      }
      case "hard-state":
        durable.hasVote(record.hardState, segment);
        facts.vote = record.hardState;
        return;
      case "replica-created": {
        const { start, config } = decodeCreation(record.state);
        if (durable.buriedIn !== null) report("recovery", "it is created behind its tombstone");
        durable.hasState(start);
        commitments.beginsAt(start.index);
        durable.hasVote({ term: start.term, vote: null }, segment);
        quorum.hasState(replicaId, start.index);
        quorum.hasConfig(config.index, config.config);
        return;
      }
      case "snapshot-installed": {
        const at = { index: record.index, term: record.term as Term };
        const { config } = decodeInstallation(record.state);
        const problem = problemOfStateConfig(at, config, entries);
        if (problem !== null) report("log matching", problem);
        durable.hasState(at);
        quorum.hasState(replicaId, at.index);
        quorum.hasConfig(config.index, config.config);
        sequence.restores(replicaId, at.index, at.term);
        facts.installed = at.index;
        return;
      }
      case "tombstone":
        for (const each of this.#replicas.get(tabletId)?.values() ?? []) {
          if (each.replicaId <= replicaId) each.buriedIn = segment;
        }
        return;
      default:
        unreachable(record);
    }
  }

  #find(tablet: TabletId, replica: ReplicaId): DurableReplica | null {
    return this.#replicas.get(tablet)?.get(replica) ?? null;
  }

  #add(tablet: TabletId, replica: ReplicaId, start: LogPosition): DurableReplica {
    let replicas = this.#replicas.get(tablet);
    if (replicas === undefined) this.#replicas.set(tablet, (replicas = new Map()));
    const durable = new DurableReplica(tablet, replica, start);
    replicas.set(replica, durable);
    return durable;
  }
}
