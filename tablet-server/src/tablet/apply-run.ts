/**
 * One batch of entries being applied: the records that they leave, as an overlay over what the store held before, and
 * the state. Knows nothing of reading: everything that an entry needs was learnt before.
 */
import { assert, unreachable } from "@stele/shared/assert.ts";
import type { StoreOperation } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import type { LogIndex } from "@stele/shared/ids.ts";
import type { CommittedCommand } from "@stele/shared/replication/state-machine.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import { idempotencyStoreKey, retryStoreKey, rowStoreKey } from "../storage/key-layout.ts";
import { decodeRowRecord, encodeRowRecord } from "../storage/row-record.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import type { AppliedCommand, AppliedCommands } from "./applied-commands.ts";
import { changedRow, type RowEffect } from "./effects.ts";
import type {
  EntryPayload,
  ForgetIdempotencyEntry,
  StoredIdempotency,
  WriteEntry,
} from "./entry-payload.ts";
import { decodeIdempotencyRecord } from "./idempotency.ts";
import type { RetryTable } from "./retry-table.ts";
import { decodeRetryRecord } from "./retry-record.ts";
import { firstSpace, spaceOf, type TabletState } from "./tablet-state.ts";

/** A row that entries of the batch changed; encoded once, at the end. */
interface ChangedRow {
  readonly rowKey: Buffer;
  readonly storeKey: Buffer;
  row: StoredRow | null;
}

export class ApplyRun {
  #state: TabletState;
  readonly #retries: RetryTable;
  /** By store key: what the store held before the batch. */
  readonly #before = new Map<string, Buffer | undefined>();
  readonly #writes = new Map<string, StoreOperation>();
  /** By store key; takes the place of an entry in `writes`. */
  readonly #changed = new Map<string, ChangedRow>();
  readonly #applied: AppliedCommand[] = [];
  #verify: AppliedCommands["verify"] = null;
  #effects = 0;

  constructor(state: TabletState, retries: RetryTable) {
    this.#state = state;
    this.#retries = retries;
  }

  get state(): TabletState {
    return this.#state;
  }

  get verify(): AppliedCommands["verify"] {
    return this.#verify;
  }

  /** Effects applied so far. */
  get effects(): number {
    return this.#effects;
  }

  knows(text: string): boolean {
    return this.#before.has(text) || this.#writes.has(text) || this.#changed.has(text);
  }

  learn(text: string, record: Buffer | undefined): void {
    this.#before.set(text, record);
  }

  apply({ index, term }: CommittedCommand, entry: EntryPayload): void {
    this.#raise(entry);
    const fate = this.#isVoid(entry) ? "void" : "effective";
    if (fate === "effective") this.#applyEffective(index, entry);
    this.#applied.push({ index, term, fate });
  }

  finish(): AppliedCommands {
    for (const [text, { row, rowKey, storeKey }] of this.#changed) {
      if (row === null) this.#writes.set(text, { type: "del", key: storeKey });
      else {
        const value = encodeRowRecord(rowKey, row);
        this.#writes.set(text, { type: "put", key: storeKey, value });
      }
    }
    return {
      operations: [...this.#writes.values()],
      state: { ...this.#state, retrySequences: this.#retries.encodeSequences() },
      commands: this.#applied,
      verify: this.#verify,
    };
  }

  /** apply-commands.ts, Q1. */
  #isVoid(entry: EntryPayload): boolean {
    if (entry.generation !== this.#state.generation) return true;
    return this.#state.dropped && (entry.kind === "write" || entry.kind === "forget-idempotency");
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
    for (const stored of entry.idempotency) this.#keep(stored);
    const rows = Math.max(0, this.#state.rows + entry.rowsAdded - entry.rowsRemoved);
    this.#state = { ...this.#state, rows };
    this.#rememberRetries(index, entry.retries);
  }

  #applyEffect(effect: RowEffect): void {
    this.#effects++;
    const storeKey = rowStoreKey(spaceOf(this.#state, effect.key), effect.key);
    const text = rowKeyText(storeKey);
    switch (effect.kind) {
      case "put-row":
        this.#changed.delete(text);
        this.#writes.set(text, { type: "put", key: storeKey, value: effect.record });
        return;
      case "delete-row":
        this.#changed.delete(text);
        this.#writes.set(text, { type: "del", key: storeKey });
        return;
      case "change-row": {
        const known = this.#changed.get(text);
        const current = known === undefined ? this.#decoded(effect.key, text) : known.row;
        const row = changedRow(current, effect);
        if (known !== undefined) known.row = row;
        else this.#changed.set(text, { rowKey: effect.key, storeKey, row });
        return;
      }
      default:
        unreachable(effect);
    }
  }

  #decoded(rowKey: Buffer, text: string): StoredRow | null {
    const record = this.#record(text);
    return record === undefined ? null : decodeRowRecord(rowKey, record);
  }

  #rememberRetries(index: LogIndex, bytes: Buffer): void {
    const { tabletId } = this.#state;
    const space = firstSpace(this.#state);
    const { keep, forgotten } = this.#retries.apply(index, decodeRetryRecord(bytes));
    if (keep) this.#put(retryStoreKey(space, tabletId, index), bytes);
    for (const old of forgotten) this.#delete(retryStoreKey(space, tabletId, old));
  }

  #keep({ idempotencyKey, record, rowKey }: StoredIdempotency): void {
    const key = idempotencyStoreKey(spaceOf(this.#state, rowKey), rowKey, idempotencyKey);
    // An expired record of the same key may still be there.
    const replaced = this.#record(rowKeyText(key));
    this.#put(key, record);
    this.#countIdempotency(
      sizeOf(key, record) - (replaced === undefined ? 0 : sizeOf(key, replaced)),
    );
  }

  #forget(entry: ForgetIdempotencyEntry): void {
    for (const { rowKey, idempotencyKey } of entry.records) {
      const key = idempotencyStoreKey(spaceOf(this.#state, rowKey), rowKey, idempotencyKey);
      const stored = this.#record(rowKeyText(key));
      if (stored === undefined) continue;
      const { expiry } = decodeIdempotencyRecord(rowKey, idempotencyKey, stored);
      if (expiry > this.#state.age) continue;
      this.#delete(key);
      this.#countIdempotency(-sizeOf(key, stored));
    }
  }

  #countIdempotency(bytes: number): void {
    const idempotencyBytes = this.#state.idempotencyBytes + bytes;
    assert(idempotencyBytes >= 0, () => `${idempotencyBytes} bytes of idempotency records`);
    this.#state = { ...this.#state, idempotencyBytes };
  }

  /** As the entries so far leave it (apply-commands.ts, Q2). */
  #record(text: string): Buffer | undefined {
    const written = this.#writes.get(text);
    if (written !== undefined) return written.type === "put" ? written.value : undefined;
    assert(this.#before.has(text), "a record that an entry needs was read before");
    return this.#before.get(text);
  }

  #put(key: Buffer, value: Buffer): void {
    this.#writes.set(rowKeyText(key), { type: "put", key, value });
  }

  #delete(key: Buffer): void {
    this.#writes.set(rowKeyText(key), { type: "del", key });
  }

  /** entry-payload.ts, P2. */
  #raise(entry: EntryPayload): void {
    if (entry.kind !== "write" && entry.kind !== "forget-idempotency") return;
    const { age, maxVersion } = this.#state;
    const ahead = entry.kind === "write" && entry.maxVersion > maxVersion;
    if (!ahead && entry.age <= age) return;
    this.#state = {
      ...this.#state,
      age: entry.age > age ? entry.age : age,
      maxVersion: ahead ? entry.maxVersion : maxVersion,
    };
  }
}

/** What a record counts against the tablet's limit. */
function sizeOf(key: Buffer, record: Buffer): number {
  return key.length + record.length;
}
