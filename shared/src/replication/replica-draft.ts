/**
 * What recovery knows of one replica while it replays the commit log: at first what the store holds, then more
 * with each record.
 */
import { EMPTY_CONFIG } from "../raft/group-config.ts";
import type { EntryLocation, Lsn } from "../commit-log/commit-log.ts";
import type { LogIndex, ReplicaId, TabletId, Term } from "../ids.ts";
import { decodeGroupConfig } from "../raft/group-config-codec.ts";
import type { Entry } from "../raft/messages.ts";
import type { HardState } from "../raft/ready.ts";
import type { PayloadCache } from "./payload-cache.ts";
import { ReplicaLog } from "./replica-log.ts";
import {
  type AppliedState,
  type Creation,
  type Installation,
  type LogPosition,
  type LogState,
  type PlacedConfig,
} from "./replica-records.ts";

/** All that is known of one replica. */
export interface RecoveredReplica {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  /** Ascending; the first is in force at `truncated`. */
  readonly configs: readonly [PlacedConfig, ...PlacedConfig[]];
  readonly log: ReplicaLog;
  readonly applied: LogPosition;
  /** Null: it waits for its first snapshot. */
  readonly machineState: Buffer | null;
}

const ZERO = 0 as LogIndex & Term;
const NO_HARD_STATE: HardState = { term: ZERO, vote: null, commit: ZERO };
export const ORIGIN: LogPosition = { index: ZERO, term: ZERO };

export class ReplicaDraft {
  readonly tabletId: TabletId;
  readonly replicaId: ReplicaId;
  applied: LogPosition;
  machineState: Buffer | null;
  /** The last installation in the log; the store may lack its switch. */
  installation: { readonly at: LogPosition; readonly what: Installation } | null = null;
  /** Why the replica cannot be trusted, or null. */
  suspect: string | null = null;
  /** The batch that created it; 0 if that is older than the log. */
  createdAt: Lsn = 0;
  #hardState: HardState;
  #truncated: LogPosition;
  /** The config in force at the truncated index. */
  #config: PlacedConfig;
  /** Configs in the log, ascending. */
  #laterConfigs: PlacedConfig[] = [];
  readonly #log: ReplicaLog;
  /** Where the log begins is known, from the store or from the replica's creation. */
  #placed: boolean;

  constructor(
    tablet: TabletId,
    applied: AppliedState,
    log: LogState | undefined,
    cache: PayloadCache,
  ) {
    this.tabletId = tablet;
    this.replicaId = applied.replicaId;
    this.applied = { index: applied.index, term: applied.term };
    this.machineState = applied.machineState;
    const own = log?.replicaId === applied.replicaId ? log : undefined;
    this.#placed = own !== undefined;
    this.#hardState = own?.hardState ?? NO_HARD_STATE;
    this.#truncated = own?.truncated ?? ORIGIN;
    this.#config = own?.config ?? { index: ZERO, config: EMPTY_CONFIG };
    this.#log = new ReplicaLog(this.#truncated.index, cache);
  }

  /** The record of its creation; the store may be further already. */
  created(creation: Creation, lsn: Lsn): void {
    this.createdAt = lsn;
    if (this.#placed) return;
    this.#placed = true;
    this.#begin(creation.start, creation.config);
    const { index, term } = creation.start;
    this.#hardState = { term, vote: null, commit: index };
  }

  entries(entries: readonly Entry[], locations: readonly EntryLocation[]): void {
    const begin = entries[0]?.index ?? ZERO;
    if (begin > this.#log.lastIndex + 1) return;
    this.#log.recovered(entries, locations);
    this.#laterConfigs = this.#laterConfigs.filter(({ index }) => index < begin);
    for (const { index, kind, payload } of entries) {
      if (kind !== "config" || index < this.#log.firstIndex) continue;
      this.#laterConfigs.push({ index, config: decodeGroupConfig(payload) });
    }
  }

  hardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  installed(at: LogPosition, what: Installation): void {
    this.installation = { at, what };
    // Entries logged before it are void, also where the store knows of a later cut already.
    if (at.index > this.#truncated.index) this.#begin(at, what.config);
    else this.#begin(this.#truncated, this.#config);
  }

  finished(): RecoveredReplica {
    const { tabletId, replicaId, applied, machineState } = this;
    return {
      tabletId,
      replicaId,
      hardState: { ...this.#hardState, commit: this.#commit },
      truncated: this.#truncated,
      configs: [this.#config, ...this.#laterConfigs],
      log: this.#log,
      applied,
      machineState,
    };
  }

  /** What was acknowledged or applied and is not there any more; null: nothing. */
  missing(): string | null {
    const last = this.#log.lastIndex;
    if (this.#commit > last)
      return `the log ends at ${last}, below the commit index ${this.#commit}`;
    if (this.applied.index >= this.#truncated.index) return null;
    return `the state ends at ${this.applied.index}, the log begins behind ${this.#truncated.index}`;
  }

  get #commit(): LogIndex {
    return Math.max(this.#hardState.commit, this.applied.index) as LogIndex;
  }

  #begin(truncated: LogPosition, config: PlacedConfig): void {
    this.#truncated = truncated;
    this.#config = config;
    this.#laterConfigs = [];
    this.#log.reset(truncated.index);
  }
}
