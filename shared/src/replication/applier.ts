/**
 * Applies committed entries: takes them from every replica that has some, lets the machines turn them into store
 * operations, and writes all of them as one batch.
 *
 * A1. Rounds take turns on the store; within a round each replica gives a bounded piece of its backlog, so that
 *     one busy tablet never starves the others.
 * A2. A replica's operations, its machine's state and its applied position are in the same batch.
 */
import { assert, must } from "../assert.ts";
import {
  StoreReadError,
  type CheckpointStore,
  type StoreOperation,
} from "../checkpoint-store/checkpoint-store.ts";
import { EntryReadError, type CommitLog, type EntryAddress } from "../commit-log/commit-log.ts";
import type { LogIndex } from "../ids.ts";
import type { HostCounters } from "./host-counters.ts";
import type { Replica } from "./replica.ts";
import { appliedStateOperation, type LogPosition } from "./replica-records.ts";
import { DamagedReplicaError, type AppliedBatch, type CommittedCommand } from "./state-machine.ts";
import { HostStoppedError, type StoreTurn } from "./store-turn.ts";

const ROUND_BYTES = 4 * 1024 * 1024;
const REPLICA_BYTES = 1024 * 1024;

interface Portion {
  readonly replica: Replica;
  readonly first: LogIndex;
  /** Index and term of the last entry. */
  readonly last: LogPosition;
}

export interface ApplierParts {
  readonly store: CheckpointStore;
  readonly commitLog: CommitLog;
  readonly turn: StoreTurn;
  readonly counters: HostCounters;
  /** The replica's data or log turned out to be damaged. */
  readonly damaged: (replica: Replica, reason: string) => void;
  /** Something was applied: the core may go on. */
  readonly applied: (replica: Replica) => void;
  readonly failed: (error: unknown) => void;
}

export class Applier {
  readonly #parts: ApplierParts;
  readonly #queue = new Set<Replica>();
  #running = false;

  constructor(parts: ApplierParts) {
    this.#parts = parts;
  }

  enqueue(replica: Replica): void {
    if (!replica.hasUnapplied()) return;
    this.#queue.add(replica);
    if (this.#running) return;
    this.#running = true;
    void this.#run().catch((error: unknown) => {
      if (!(error instanceof HostStoppedError)) this.#parts.failed(error);
    });
  }

  forget(replica: Replica): void {
    this.#queue.delete(replica);
  }

  async #run(): Promise<void> {
    while (this.#queue.size > 0) await this.#parts.turn.take(() => this.#round());
    this.#running = false;
  }

  async #round(): Promise<void> {
    const { portions, commands } = await this.#load(this.#takePortions());
    const batches = await Promise.all(
      portions.map(({ replica }, at) => this.#apply(replica, must(commands[at], "commands"))),
    );
    const operations: StoreOperation[] = [];
    const done: { portion: Portion; position: LogPosition; batch: AppliedBatch | null }[] = [];
    portions.forEach((portion, at) => {
      const batch = batches[at];
      if (batch === undefined) return;
      const { replica } = portion;
      const position = coveredPosition(portion, batch, must(commands[at], "commands"));
      for (const operation of batch?.operations ?? []) operations.push(operation);
      const machineState = must(replica.machine, "machine").encodeState();
      const { replicaId, tabletId } = replica;
      operations.push(appliedStateOperation(tabletId, { ...position, replicaId, machineState }));
      done.push({ portion, position, batch });
    });
    if (operations.length > 0) await this.#parts.store.write(operations);
    for (const { portion, position, batch } of done) {
      this.#parts.counters.appliedEntries += position.index - portion.first + 1;
      batch?.written();
      portion.replica.appliedTo(position);
      this.#parts.applied(portion.replica);
      this.enqueue(portion.replica);
    }
  }

  #takePortions(): Portion[] {
    const portions: Portion[] = [];
    let bytes = 0;
    for (const replica of Array.from(this.#queue)) {
      if (bytes >= ROUND_BYTES) break;
      // To the end of the queue, if it comes back at all (A1).
      this.#queue.delete(replica);
      if (!replica.hasUnapplied()) continue;
      const before = replica.unappliedBytes;
      const { first, last } = replica.takeUnapplied(REPLICA_BYTES);
      const term = must(replica.log.termOf(last), "term of an entry");
      portions.push({ replica, first, last: { index: last, term } });
      bytes += before - replica.unappliedBytes;
      if (replica.hasUnapplied()) this.#queue.add(replica);
    }
    return portions;
  }

  /** Without those whose entries are damaged. */
  async #load(
    taken: readonly Portion[],
  ): Promise<{ portions: readonly Portion[]; commands: readonly CommittedCommand[][] }> {
    let portions = taken;
    for (;;) {
      try {
        return { portions, commands: await loadCommands(this.#parts.commitLog, portions) };
      } catch (error) {
        if (!(error instanceof EntryReadError)) throw error;
        const { tabletId, replicaId } = error;
        const portion = must(
          portions.find(
            ({ replica }) => replica.tabletId === tabletId && replica.replicaId === replicaId,
          ),
          "a read error names an entry that was asked for",
        );
        // A snapshot that replaced the log lets its segments go; what was taken from it means nothing.
        portions = portions.filter((each) => each !== portion && each.replica.mayApply);
        if (error.reason === "damaged") this.#parts.damaged(portion.replica, error.message);
        else
          assert(!portion.replica.mayApply, () => `unapplied entries are gone: ${error.message}`);
      }
    }
  }

  /** Null: no command among the entries. Undefined: the replica turned out to be damaged. */
  async #apply(
    replica: Replica,
    commands: readonly CommittedCommand[],
  ): Promise<AppliedBatch | null | undefined> {
    if (commands.length === 0) return null;
    try {
      return await must(replica.machine, "machine").apply(commands);
    } catch (error) {
      const isDamage = error instanceof DamagedReplicaError || error instanceof StoreReadError;
      if (!isDamage) throw error;
      this.#parts.damaged(replica, error.message);
      return undefined;
    }
  }
}

/**
 * The commands of each portion; one read of the commit log for all payloads that are not in memory. Looks into
 * the logs before its await only: a snapshot may replace one meanwhile.
 */
async function loadCommands(
  commitLog: CommitLog,
  portions: readonly Portion[],
): Promise<CommittedCommand[][]> {
  const missing: EntryAddress[] = [];
  const places: { portion: number; at: number }[] = [];
  const result = portions.map(({ replica, first, last }, portion) => {
    const commands: CommittedCommand[] = [];
    for (let at = first as number; at <= last.index; at++) {
      if (replica.log.kindOf(at) !== "command") continue;
      const index = at as LogIndex;
      const term = must(replica.log.termOf(index), "term of an entry");
      const payload = replica.log.payloadOf(index);
      if (payload === null) {
        const { tabletId, replicaId } = replica;
        const location = must(replica.log.locationOf(index), `entry ${index} is nowhere`);
        missing.push({ tabletId, replicaId, index, location });
        places.push({ portion, at: commands.length });
      }
      commands.push({ index, term, payload: payload ?? EMPTY });
    }
    return commands;
  });
  if (missing.length === 0) return result;
  const loaded = await commitLog.read(missing);
  places.forEach(({ portion, at }, place) => {
    const commands = must(result[portion], "portion");
    const payload = must(loaded[place], "payload");
    commands[at] = { ...must(commands[at], "command"), payload };
  });
  return result;
}

/** How far the batch goes; what it leaves is given back to the replica. */
function coveredPosition(
  { replica, last }: Portion,
  batch: AppliedBatch | null,
  commands: readonly CommittedCommand[],
): LogPosition {
  const stopAt = batch?.stopAt;
  if (stopAt === undefined || stopAt === last.index) return last;
  const command = must(
    commands.find(({ index }) => index === stopAt),
    "a machine stops at one of its commands",
  );
  replica.giveBack(last.index, command.index);
  return command;
}

const EMPTY = Buffer.alloc(0);
