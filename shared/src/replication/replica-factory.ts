/** Makes `Replica`s: for a new replica, and for one that recovery found. */
import type { ReplicaId, ServerId, TabletId } from "../ids.ts";
import { Raft } from "../raft/raft.ts";
import type { RaftInitialState, RaftOptions } from "../raft/raft-options.ts";
import type { Random } from "../random.ts";
import type { Timing } from "../timing.ts";
import { LeaderLease } from "./leader-lease.ts";
import type { PayloadCache } from "./payload-cache.ts";
import { ReplicaLog } from "./replica-log.ts";
import type { LogPosition, PlacedConfig } from "./replica-records.ts";
import { Replica, type ReplicaHostCalls } from "./replica.ts";
import type { RecoveredReplica } from "./recovery.ts";
import type { StateMachineFactory } from "./state-machine.ts";

const MAX_INFLIGHT_MESSAGES = 256;
const MAX_INFLIGHT_BYTES = 16 * 1024 * 1024;
const MAX_APPEND_BYTES = 1024 * 1024;
const MAX_UNCOMMITTED_BYTES = 32 * 1024 * 1024;

export interface ReplicaFactoryParts {
  readonly serverId: ServerId;
  readonly timing: Timing;
  readonly random: Random;
  readonly cache: PayloadCache;
  readonly machines: StateMachineFactory;
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
    const log = new ReplicaLog(found.truncated.index, this.#parts.cache);
    for (const { entry, location } of found.entries) log.recovered(entry, location);
    const { hardState, truncated, configs, applied } = found;
    const replica = this.#make(found, log, applied, {
      hardState,
      truncated,
      configs,
      entries: found.entries.map(({ entry, location }) => {
        const { index, term, kind } = entry;
        return { index, term, kind, size: location.length };
      }),
      applied: applied.index,
      freshReplica: false,
    });
    this.#attach(replica, found.machineState);
    return replica;
  }

  #make(
    who: { readonly tabletId: TabletId; readonly replicaId: ReplicaId },
    log: ReplicaLog,
    applied: LogPosition,
    initial: RaftInitialState,
  ): Replica {
    const { serverId, timing, random, calls } = this.#parts;
    const { heartbeatTicks, electionMinTicks, electionMaxTicks, promiseTicks } = timing;
    const options: RaftOptions = {
      replicaId: who.replicaId,
      heartbeatTicks,
      electionMinTicks,
      electionMaxTicks,
      promiseTicks,
      maxInflightMessages: MAX_INFLIGHT_MESSAGES,
      maxInflightBytes: MAX_INFLIGHT_BYTES,
      maxAppendBytes: MAX_APPEND_BYTES,
      maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
      random,
    };
    const raft = new Raft(options, initial);
    const lease = new LeaderLease(timing.leaseMs);
    const { tabletId, replicaId } = who;
    return new Replica({ tabletId, replicaId, serverId, raft, log, lease, applied, calls });
  }

  #attach(replica: Replica, state: Buffer | null): void {
    if (state === null) return;
    const { tabletId, replicaId } = replica;
    replica.attach(this.#parts.machines.create({ tabletId, replicaId, state, group: replica }));
  }
}
