/** Makes `Replica`s: for a new replica, and for one that recovery found. */
import { must } from "../assert.ts";
import type { ReplicaId, ServerId, TabletId } from "../ids.ts";
import type { EntryInfo } from "../raft/raft-log.ts";
import { Raft } from "../raft/raft.ts";
import type { RaftInitialState, RaftOptions } from "../raft/raft-options.ts";
import type { Random } from "../random.ts";
import type { Timing } from "../timing.ts";
import type { HostLimits } from "./host-parts.ts";
import { LeaderLease } from "./leader-lease.ts";
import type { PayloadCache } from "./payload-cache.ts";
import { ReplicaLog } from "./replica-log.ts";
import type { LogPosition, PlacedConfig } from "./replica-records.ts";
import { Replica, type ReplicaHostCalls } from "./replica.ts";
import type { RecoveredReplica } from "./replica-draft.ts";
import type { StateMachineFactory } from "./state-machine.ts";

const MAX_INFLIGHT_BYTES = 16 * 1024 * 1024;
const MAX_UNCOMMITTED_BYTES = 32 * 1024 * 1024;

export interface ReplicaFactoryParts {
  readonly serverId: ServerId;
  readonly timing: Timing;
  readonly random: Random;
  readonly cache: PayloadCache;
  readonly machines: StateMachineFactory;
  readonly limits: Pick<HostLimits, "maxUnappliedBytes" | "maxAppendBytes" | "maxInflightAppends">;
  readonly calls: ReplicaHostCalls;
}

export class ReplicaFactory {
  readonly #parts: ReplicaFactoryParts;

  constructor(parts: ReplicaFactoryParts) {
    this.#parts = parts;
  }

  /** A replica that begins now, with an empty log behind `start`. */
  created(begin: {
    readonly tabletId: TabletId;
    readonly replicaId: ReplicaId;
    readonly start: LogPosition;
    readonly config: PlacedConfig;
    readonly machineState: Buffer | null;
  }): Replica {
    const { start } = begin;
    const log = new ReplicaLog(start.index, this.#parts.cache);
    const replica = this.#make(begin, log, start, {
      hardState: { term: start.term, vote: null, commit: start.index },
      truncated: start,
      configs: [begin.config],
      entries: [],
      applied: start.index,
      freshReplica: true,
    });
    this.#attach(replica, begin.machineState);
    return replica;
  }

  recovered(found: RecoveredReplica): Replica {
    const { hardState, truncated, configs, applied, log } = found;
    const replica = this.#make(found, log, applied, {
      hardState,
      truncated,
      configs,
      entries: entriesOf(log),
      applied: applied.index,
      freshReplica: false,
    });
    this.#attach(replica, found.machineState);
    return replica;
  }

  #make(
    { tabletId, replicaId }: { readonly tabletId: TabletId; readonly replicaId: ReplicaId },
    log: ReplicaLog,
    applied: LogPosition,
    initial: RaftInitialState,
  ): Replica {
    const { serverId, timing, random, calls, limits } = this.#parts;
    const { heartbeatTicks, electionMinTicks, electionMaxTicks, promiseTicks } = timing;
    const options: RaftOptions = {
      replicaId,
      heartbeatTicks,
      electionMinTicks,
      electionMaxTicks,
      promiseTicks,
      maxInflightMessages: limits.maxInflightAppends,
      maxInflightBytes: MAX_INFLIGHT_BYTES,
      maxAppendBytes: limits.maxAppendBytes,
      maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
      random,
    };
    const { hardState, truncated, configs } = initial;
    return new Replica({
      tabletId,
      replicaId,
      serverId,
      raft: new Raft(options, initial),
      log,
      lease: new LeaderLease(timing.leaseMs),
      applied,
      hardState,
      base: { truncated, config: must(configs[0], "a config at the truncated index") },
      maxUnappliedBytes: limits.maxUnappliedBytes,
      calls,
    });
  }

  #attach(replica: Replica, state: Buffer | null): void {
    if (state === null) return;
    const { tabletId, replicaId } = replica;
    replica.attach(this.#parts.machines.create({ tabletId, replicaId, state, group: replica }));
  }
}

function entriesOf(log: ReplicaLog): EntryInfo[] {
  const entries: EntryInfo[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) {
    const term = must(log.termOf(index), "the term of an entry");
    const kind = must(log.kindOf(index), "the kind of an entry");
    entries.push({ index, term, kind, size: log.bytesOf(index) });
  }
  return entries;
}
