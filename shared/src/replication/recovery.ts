/**
 * Rebuilds every replica of a server from the store's last state and the commit log behind it.
 *
 * Y1. The store holds an exact prefix of what was applied; the log holds everything acknowledged since the state
 *     that any store prefix can be in (checkpointing.ts, C2). Replaying the log's records in order over the store's
 *     gives the state before the crash.
 * Y2. A replica named by damage in the log, or whose own records are damaged, comes back as suspect: it can
 *     neither vote nor acknowledge, since what it promised may be lost.
 * Y3. Nothing is written here but what finishes interrupted switches; running it twice gives the same.
 */
import { assert } from "../assert.ts";
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type {
  EntryLocation,
  LogDamage,
  OpenedLog,
  RecoveredRecord,
} from "../commit-log/commit-log.ts";
import { spaceId, type LogIndex, type ReplicaId, type TabletId } from "../ids.ts";
import { decodeGroupConfig } from "../raft/group-config-codec.ts";
import type { Entry } from "../raft/messages.ts";
import type { HardState } from "../raft/ready.ts";
import { appliedStateKey, logStateKey, suspectKey } from "./host-keys.ts";
import {
  appliedStateOperation,
  decodeCreation,
  decodeInstallation,
  EMPTY_CONFIG,
  type AppliedState,
  type Installation,
  type LogPosition,
  type LogState,
  type PlacedConfig,
} from "./replica-records.ts";
import { readReplicaRecords, type ReplicaStoreRecords } from "./replica-store-records.ts";
import type { SpaceLedger } from "./space-ledger.ts";
import type { StateMachineFactory } from "./state-machine.ts";
import { suspectOperation, type SuspectReplica } from "./suspect.ts";
import { tombstoneOperation } from "./tombstone.ts";

export interface RecoveredEntry {
  readonly entry: Entry;
  readonly location: EntryLocation;
}

/** All that is known of one replica. */
export interface RecoveredReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  /** Ascending; the first is in force at `truncated`. */
  readonly configs: readonly PlacedConfig[];
  readonly entries: readonly RecoveredEntry[];
  readonly applied: LogPosition;
  /** Null: it waits for its first snapshot. */
  readonly machineState: Buffer | null;
}

export interface Recovered {
  readonly replicas: readonly RecoveredReplica[];
  /** Damaged ones, marked in the store as well. */
  readonly suspects: readonly SuspectReplica[];
  /** By tablet: replicas up to that id may never come back. */
  readonly tombstones: ReadonlyMap<TabletId, ReplicaId>;
  readonly ledger: SpaceLedger;
}

interface Draft {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  hardState: HardState;
  truncated: LogPosition;
  config: PlacedConfig;
  entries: RecoveredEntry[];
  applied: LogPosition;
  machineState: Buffer | null;
  /** Where the log begins is known, from the store or from the replica's creation. */
  placed: boolean;
  installation: { readonly at: LogPosition; readonly what: Installation } | null;
  suspect: string | null;
}

const NO_HARD_STATE: HardState = { term: 0 as never, vote: null, commit: 0 as never };
const ORIGIN: LogPosition = { index: 0 as never, term: 0 as never };

export async function recoverReplicas(
  store: CheckpointStore,
  opened: OpenedLog,
  factory: StateMachineFactory,
): Promise<Recovered> {
  const recovery = new Recovery(await readReplicaRecords(store), factory);
  for (const found of opened.records) recovery.replay(found);
  for (const damage of opened.damage) recovery.damaged(damage, opened.records);
  const operations = recovery.finish();
  if (operations.length > 0) await store.write(operations);
  return recovery.result();
}

class Recovery {
  readonly #drafts = new Map<TabletId, Draft>();
  readonly #tombstones: Map<TabletId, ReplicaId>;
  readonly #ledger: SpaceLedger;
  readonly #factory: StateMachineFactory;
  readonly #damaged: ReadonlyMap<TabletId, string>;
  readonly #operations: StoreOperation[] = [];
  readonly #sound: RecoveredReplica[] = [];
  readonly #suspects: SuspectReplica[] = [];

  constructor(records: ReplicaStoreRecords, factory: StateMachineFactory) {
    this.#tombstones = records.tombstones;
    this.#ledger = records.ledger;
    this.#factory = factory;
    for (const [tablet, applied] of records.applied) {
      this.#drafts.set(tablet, draftOf(tablet, applied, records.logs.get(tablet)));
    }
    for (const [tablet, mark] of records.suspects) {
      const draft = this.#drafts.get(tablet);
      if (draft?.replicaId === mark.replicaId) draft.suspect = mark.reason;
    }
    this.#damaged = records.damaged;
    for (const tablet of records.damaged.keys()) {
      const log = records.logs.get(tablet);
      if (log === undefined || this.#drafts.has(tablet)) continue;
      const { replicaId } = log;
      this.#drafts.set(tablet, draftOf(tablet, { replicaId, ...ORIGIN, machineState: null }, log));
    }
  }

  replay({ record, locations }: RecoveredRecord): void {
    if (record.kind === "replica-created") {
      this.#created(record.tabletId, record.replicaId, record.state);
      return;
    }
    if (record.kind === "tombstone") {
      this.#buried(record.tabletId, record.replicaId);
      return;
    }
    const draft = this.#drafts.get(record.tabletId);
    if (draft === undefined || draft.replicaId !== record.replicaId) return;
    switch (record.kind) {
      case "entries":
        replayEntries(draft, record.entries, locations);
        return;
      case "hard-state":
        draft.hardState = record.hardState;
        return;
      case "snapshot-installed":
        this.#installed(draft, record.index, record.term, record.state);
    }
  }

  /** Y2. Without names, every replica with records in the damaged segment. */
  damaged(damage: LogDamage, records: readonly RecoveredRecord[]): void {
    const named =
      damage.replicas ??
      records.filter(({ segment }) => segment === damage.segment).map(({ record }) => record);
    for (const { tabletId, replicaId } of named) {
      const draft = this.#drafts.get(tabletId);
      if (draft?.replicaId === replicaId) draft.suspect ??= damage.detail;
    }
    if (damage.replicas !== null) return;
    // Any replica may have had records there that are gone altogether.
    for (const draft of this.#drafts.values()) draft.suspect ??= damage.detail;
  }

  /** Rolls interrupted installations forward and marks suspects; gives what must be written. */
  finish(): readonly StoreOperation[] {
    for (const draft of this.#drafts.values()) {
      this.#rollForward(draft);
      const sound = completed(draft);
      const { tabletId, replicaId, machineState } = draft;
      const reason = this.#damaged.get(tabletId) ?? draft.suspect ?? whatIsMissing(sound);
      if (reason === null) {
        this.#sound.push(sound);
        continue;
      }
      this.#suspects.push({ tabletId, replicaId, machineState, reason });
      this.#operations.push(suspectOperation(tabletId, { replicaId, reason }));
    }
    return this.#operations;
  }

  result(): Recovered {
    return {
      replicas: this.#sound,
      suspects: this.#suspects,
      tombstones: this.#tombstones,
      ledger: this.#ledger,
    };
  }

  #rollForward(draft: Draft): void {
    const { installation } = draft;
    if (installation === null || installation.at.index <= draft.applied.index) return;
    if (draft.machineState !== null) this.#discard(draft.machineState);
    const { machineState } = installation.what;
    draft.machineState = machineState;
    draft.applied = installation.at;
    const { applied, replicaId, tabletId } = draft;
    this.#operations.push(appliedStateOperation(tabletId, { ...applied, replicaId, machineState }));
  }

  #created(tablet: TabletId, replica: ReplicaId, state: Buffer): void {
    const creation = decodeCreation(state);
    if (creation.nextSpace > 0) this.#ledger.seen(spaceId(creation.nextSpace - 1));
    if ((this.#tombstones.get(tablet) ?? -1) >= replica) return;
    const { start, config, machineState } = creation;
    let draft = this.#drafts.get(tablet);
    if (draft !== undefined && (draft.placed || draft.replicaId > replica)) return;
    if (draft === undefined || draft.replicaId < replica) {
      // The store lost the replica's first state with its last batches.
      const applied = { replicaId: replica, ...start, machineState };
      draft = draftOf(tablet, applied, undefined);
      this.#drafts.set(tablet, draft);
      this.#operations.push(appliedStateOperation(tablet, applied));
    }
    draft.placed = true;
    draft.truncated = start;
    draft.config = config;
    draft.hardState = { term: start.term, vote: null, commit: start.index };
  }

  #buried(tablet: TabletId, replica: ReplicaId): void {
    if ((this.#tombstones.get(tablet) ?? -1) >= replica) return;
    this.#tombstones.set(tablet, replica);
    this.#operations.push(tombstoneOperation(tablet, replica));
    const draft = this.#drafts.get(tablet);
    if (draft === undefined || draft.replicaId > replica) return;
    this.#drafts.delete(tablet);
    if (draft.machineState !== null) this.#discard(draft.machineState);
    this.#operations.push({ type: "del", key: appliedStateKey(tablet) });
    this.#operations.push({ type: "del", key: logStateKey(tablet) });
    this.#operations.push({ type: "del", key: suspectKey(tablet) });
  }

  #installed(draft: Draft, index: LogIndex, indexTerm: number, state: Buffer): void {
    const what = decodeInstallation(state);
    this.#ledger.seen(what.space);
    const at = { index, term: indexTerm as LogPosition["term"] };
    draft.entries = [];
    if (index > draft.truncated.index) {
      draft.truncated = at;
      draft.config = what.config;
    }
    draft.installation = { at, what };
  }

  #discard(machineState: Buffer): void {
    const { operation } = this.#ledger.discard(this.#factory.rangesOf(machineState));
    this.#operations.push(operation, this.#ledger.countersOperation());
  }
}

function draftOf(tablet: TabletId, applied: AppliedState, log: LogState | undefined): Draft {
  const sameReplica = log?.replicaId === applied.replicaId ? log : undefined;
  return {
    tabletId: tablet,
    replicaId: applied.replicaId,
    hardState: sameReplica?.hardState ?? NO_HARD_STATE,
    truncated: sameReplica?.truncated ?? ORIGIN,
    config: sameReplica?.config ?? { index: 0 as LogIndex, config: EMPTY_CONFIG },
    entries: [],
    applied: { index: applied.index, term: applied.term },
    machineState: applied.machineState,
    placed: sameReplica !== undefined,
    installation: null,
    suspect: null,
  };
}

function replayEntries(
  draft: Draft,
  entries: readonly Entry[],
  locations: readonly EntryLocation[],
): void {
  entries.forEach((entry, at) => {
    const { truncated } = draft;
    if (entry.index <= truncated.index) return;
    const place = entry.index - truncated.index - 1;
    // Entries above a gap were logged before the ones below were cut away by an installation that is
    // not replayed any more; the records that replaced them follow.
    if (place > draft.entries.length) return;
    draft.entries.length = place;
    const location = locations[at];
    assert(location !== undefined, "a location for every recovered entry");
    draft.entries.push({ entry, location });
  });
}

function completed(draft: Draft): RecoveredReplica {
  const { entries, hardState, applied, config, truncated } = draft;
  const configs = [config];
  for (const { entry } of entries) {
    if (entry.kind !== "config") continue;
    configs.push({ index: entry.index, config: decodeGroupConfig(entry.payload) });
  }
  const commit = Math.max(hardState.commit, applied.index) as LogIndex;
  return {
    tabletId: draft.tabletId,
    replicaId: draft.replicaId,
    hardState: { ...hardState, commit },
    truncated,
    configs,
    entries,
    applied,
    machineState: draft.machineState,
  };
}

/** Y2: a log that ends below what was committed has lost entries that were acknowledged. */
function whatIsMissing(replica: RecoveredReplica): string | null {
  const { commit } = replica.hardState;
  const last = replica.entries.at(-1)?.entry.index ?? replica.truncated.index;
  return commit <= last ? null : `the log ends at ${last}, below what was committed (${commit})`;
}
