/**
 * Applies committed commands to a tablet: from entries and the present state to store operations and the next
 * state. The same on every replica and in every replay (state-machine.ts, M2).
 *
 * Q1. An entry of another generation has no effects; only its `maxVersion` counts (entry-payload.ts, P1, P2).
 * Q2. Of several effects on one row the later ones see the earlier ones' result; only the last is written.
 * Q3. A verify entry ends the batch, so that the store behind it is exactly the state at its index.
 */
import { must, unreachable } from "@stele/shared/assert.ts";
import { MalformedFrameError } from "@stele/shared/bytes/malformed-frame-error.ts";
import {
  StoreReadError,
  type StoreOperation,
} from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex, Term, Version } from "@stele/shared/ids.ts";
import {
  DamagedReplicaError,
  type CommittedCommand,
} from "@stele/shared/replication/state-machine.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import { CorruptRecordError } from "../storage/corrupt-record-error.ts";
import { idempotencyStoreKey, retryStoreKey, rowStoreKey } from "../storage/key-layout.ts";
import { applyEffect, readsCurrent, type RowEffect } from "./effects.ts";
import {
  decodeEntry,
  type EntryPayload,
  type ForgetIdempotencyEntry,
  type WriteEntry,
} from "./entry-payload.ts";
import { decodeIdempotencyRecord } from "./idempotency.ts";
import type { RetryTable } from "./retry-ids.ts";
import { decodeRetryRecord } from "./retry-record.ts";
import { firstSpace, spaceOf, type TabletState } from "./tablet-state.ts";
import type { EntryFate } from "./tablet-writes.ts";

export interface AppliedCommand {
  readonly index: LogIndex;
  readonly term: Term;
  readonly fate: EntryFate;
}

export interface AppliedCommands {
  readonly operations: readonly StoreOperation[];
  readonly state: TabletState;
  readonly commands: readonly AppliedCommand[];
  /** The entry that ended the batch, if one did (Q3). */
  readonly verify: { readonly index: LogIndex; readonly verifyId: number } | null;
}

type ReadStore = (keys: readonly Buffer[]) => Promise<(Buffer | undefined)[]>;

/** Changes `retries`. Throws `DamagedReplicaError` when a row that must be read is damaged. */
export async function applyCommands(
  before: TabletState,
  retries: RetryTable,
  commands: readonly CommittedCommand[],
  readStore: ReadStore,
): Promise<AppliedCommands> {
  const entries = untilVerify(commands);
  try {
    const current = await readCurrent(before, entries, readStore);
    const run = new ApplyRun(before, retries, current);
    for (const { command, entry } of entries) run.apply(command, entry);
    return run.finish();
  } catch (error) {
    const damaged =
      error instanceof CorruptRecordError ||
      error instanceof StoreReadError ||
      error instanceof MalformedFrameError;
    if (damaged) throw new DamagedReplicaError(error.message, { cause: error });
    throw error;
  }
}

interface DecodedCommand {
  readonly command: CommittedCommand;
  readonly entry: EntryPayload;
}

function untilVerify(commands: readonly CommittedCommand[]): DecodedCommand[] {
  const entries: DecodedCommand[] = [];
  for (const command of commands) {
    const entry = decodeEntry(command.payload);
    entries.push({ command, entry });
    if (entry.kind === "verify") break;
  }
  return entries;
}

/** One read of the store for every record that applying needs, by store key. */
async function readCurrent(
  state: TabletState,
  entries: readonly DecodedCommand[],
  readStore: ReadStore,
): Promise<Map<string, Buffer | undefined>> {
  const keys = new Map<string, Buffer>();
  const want = (key: Buffer): void => void keys.set(rowKeyText(key), key);
  for (const { entry } of entries) {
    if (entry.generation !== state.generation) continue;
    if (entry.kind === "write") {
      for (const effect of entry.effects) {
        if (readsCurrent(effect)) want(rowStoreKey(spaceOf(state, effect.key), effect.key));
      }
    } else if (entry.kind === "forget-idempotency") {
      for (const { rowKey, idempotencyKey } of entry.records) {
        want(idempotencyStoreKey(spaceOf(state, rowKey), rowKey, idempotencyKey));
      }
    }
  }
  const found = keys.size === 0 ? [] : await readStore([...keys.values()]);
  return new Map([...keys.keys()].map((text, at) => [text, found[at]]));
}

class ApplyRun {
  #state: TabletState;
  readonly #retries: RetryTable;
  /** By store key: what the store held before the batch, where it was read. */
  readonly #current: ReadonlyMap<string, Buffer | undefined>;
  readonly #writes = new Map<string, StoreOperation>();
  readonly #applied: AppliedCommand[] = [];
  #verify: AppliedCommands["verify"] = null;

  constructor(
    state: TabletState,
    retries: RetryTable,
    current: ReadonlyMap<string, Buffer | undefined>,
  ) {
    this.#state = state;
    this.#retries = retries;
    this.#current = current;
  }

  apply({ index, term }: CommittedCommand, entry: EntryPayload): void {
    if (entry.kind === "write") this.#raiseVersion(entry.maxVersion);
    const fate: EntryFate = entry.generation === this.#state.generation ? "effective" : "void";
    if (fate === "effective") this.#applyEffective(index, entry);
    this.#applied.push({ index, term, fate });
  }

  finish(): AppliedCommands {
    return {
      operations: [...this.#writes.values()],
      state: { ...this.#state, boots: this.#retries.encodeBoots() },
      commands: this.#applied,
      verify: this.#verify,
    };
  }

  #applyEffective(index: LogIndex, entry: EntryPayload): void {
    switch (entry.kind) {
      case "write":
        this.#applyWrite(index, entry);
        return;
      case "forget-idempotency":
        this.#forget(entry);
        return;
      case "drop-tablet":
        this.#state = { ...this.#state, dropped: true };
        return;
      case "verify":
        this.#verify = { index, verifyId: entry.verifyId };
        return;
      default:
        unreachable(entry);
    }
  }

  #applyWrite(index: LogIndex, entry: WriteEntry): void {
    for (const effect of entry.effects) this.#applyEffect(effect);
    let idempotencyBytes = this.#state.idempotencyBytes;
    for (const { rowKey, idempotencyKey, record } of entry.idempotency) {
      this.#put(idempotencyStoreKey(spaceOf(this.#state, rowKey), rowKey, idempotencyKey), record);
      idempotencyBytes += record.length;
    }
    const rows = Math.max(0, this.#state.rows + entry.rowsAdded - entry.rowsRemoved);
    this.#state = { ...this.#state, rows, idempotencyBytes };
    this.#rememberRetries(index, entry.retries);
  }

  #applyEffect(effect: RowEffect): void {
    const key = rowStoreKey(spaceOf(this.#state, effect.key), effect.key);
    const text = rowKeyText(key);
    const record = applyEffect(this.#writtenOrRead(text), effect);
    if (record === null) this.#writes.set(text, { type: "del", key });
    else this.#writes.set(text, { type: "put", key, value: record });
  }

  #rememberRetries(index: LogIndex, bytes: Buffer): void {
    const { tabletId } = this.#state;
    const space = firstSpace(this.#state);
    const { keep, forgotten } = this.#retries.apply(index, decodeRetryRecord(bytes));
    if (keep) this.#put(retryStoreKey(space, tabletId, index), bytes);
    for (const old of forgotten) this.#delete(retryStoreKey(space, tabletId, old));
  }

  #forget(entry: ForgetIdempotencyEntry): void {
    let idempotencyBytes = this.#state.idempotencyBytes;
    for (const { rowKey, idempotencyKey } of entry.records) {
      const key = idempotencyStoreKey(spaceOf(this.#state, rowKey), rowKey, idempotencyKey);
      const stored = this.#writtenOrRead(rowKeyText(key));
      if (stored === undefined) continue;
      const { expiry } = decodeIdempotencyRecord(rowKey, idempotencyKey, stored);
      if (expiry > entry.expiredAt) continue;
      this.#delete(key);
      idempotencyBytes = Math.max(0, idempotencyBytes - stored.length);
    }
    this.#state = { ...this.#state, idempotencyBytes };
  }

  /** Q2: an effect before in the same batch may have written the record anew, or deleted it. */
  #writtenOrRead(text: string): Buffer | undefined {
    const written = this.#writes.get(text);
    if (written === undefined) return this.#current.get(text);
    return written.type === "put" ? written.value : undefined;
  }

  #put(key: Buffer, value: Buffer): void {
    this.#writes.set(rowKeyText(key), { type: "put", key, value });
  }

  #delete(key: Buffer): void {
    this.#writes.set(rowKeyText(key), { type: "del", key });
  }

  #raiseVersion(maxVersion: Version): void {
    if (maxVersion > this.#state.maxVersion) this.#state = { ...this.#state, maxVersion };
  }
}

/** The entry at which a batch stops before its last command; undefined: it covers all. */
export function stoppedAt(
  applied: AppliedCommands,
  commands: readonly CommittedCommand[],
): LogIndex | undefined {
  const last = must(applied.commands.at(-1), "an applied command").index;
  return last === commands.at(-1)?.index ? undefined : last;
}
