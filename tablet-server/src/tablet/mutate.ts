/**
 * Runs an ordered list of mutations on one row (docs/REST_API.md, PATCH) and notes what they did as cell
 * changes with absolute timestamps.
 *
 * U1. Each mutation sees what those before it left.
 * U2. A cell without a timestamp gets the row's new version, or 1 above the column's newest cell if that
 *     is later: what is written is what is read.
 * U3. Setting always changes the row, even to an equal cell; deleting changes it only if it found a cell.
 */
import { must, unreachable } from "@stele/shared/assert.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { CellVersion } from "@stele/shared/packed-columns.ts";
import { rowKeyText } from "@stele/shared/row-key.ts";
import type { Column, Mutation, WriteResult } from "@stele/shared/row-operations.ts";
import { MAX_VALUE_BYTES } from "@stele/shared/row.ts";
import type { Family } from "@stele/shared/tablet-descriptor.ts";
import { findColumn } from "../storage/stored-row.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import type { CellChange } from "./effects.ts";
import { int64Overflow, notANumber, valueTooLarge } from "./refusals.ts";
import { RowDraft } from "./row-draft.ts";
import type { SchemaFamilies } from "./schema-families.ts";

const INT64_BYTES = 8;
const LAST_TIMESTAMP = Number.MAX_SAFE_INTEGER as Version;

type Computed = WriteResult["computed"][number];

export class MutationRun {
  readonly draft: RowDraft;
  /** In order; none means that nothing changed. */
  readonly changes: CellChange[] = [];
  /** Some column that was set did not exist before. */
  createdColumn = false;
  readonly #current: StoredRow | null;
  readonly #version: Version;
  readonly #families: SchemaFamilies;
  readonly #computed = new Map<string, Computed>();

  constructor(current: StoredRow | null, version: Version, families: SchemaFamilies) {
    this.draft = new RowDraft(current);
    this.#current = current;
    this.#version = version;
    this.#families = families;
  }

  /** One a column, in the order first touched. */
  get computed(): Computed[] {
    return [...this.#computed.values()];
  }

  /** Runs one mutation; returns the refusal of the whole write, or null. */
  step(mutation: Mutation): DatabaseErrorBody | null {
    switch (mutation.kind) {
      case "set":
        this.#set(mutation.column, mutation);
        return null;
      case "delete-column":
        this.#deleteColumn(mutation.column, mutation.from, mutation.to);
        return null;
      case "delete-family":
        this.#deleteFamily(mutation.family);
        return null;
      case "delete-row":
        if (this.draft.deleteAll()) this.changes.push({ kind: "delete-all" });
        return null;
      case "increment":
        return this.#increment(mutation.column, mutation.amount, mutation.timestamp);
      case "append":
        return this.#append(mutation.column, mutation.value, mutation.timestamp);
      default:
        return unreachable(mutation);
    }
  }

  #set(
    { family, qualifier }: Column,
    cell: { timestamp: Version | null; int64: boolean; value: Buffer },
  ): void {
    const { number, rule } = this.#family(family);
    const { int64, value } = cell;
    const timestamp = cell.timestamp ?? this.#defaultTimestamp(number, qualifier);
    const keep = rule.maxVersions;
    this.draft.set(number, qualifier, { timestamp, int64, value }, keep);
    this.changes.push({ kind: "set", family: number, qualifier, timestamp, int64, value, keep });
    this.createdColumn ||= findColumn(this.#current, number, qualifier) === null;
  }

  #deleteColumn({ family, qualifier }: Column, from: Version | null, to: Version | null): void {
    const { number } = this.#family(family);
    if (!this.draft.deleteColumn(number, qualifier, from, to)) return;
    this.changes.push({ kind: "delete-column", family: number, qualifier, from, to });
  }

  #deleteFamily(name: string): void {
    const { number } = this.#family(name);
    if (!this.draft.deleteFamily(number)) return;
    this.changes.push({ kind: "delete-family", family: number });
  }

  #increment(column: Column, amount: bigint, timestamp: Version | null): DatabaseErrorBody | null {
    const old = this.#newest(column)?.value ?? null;
    if (old !== null && old.length !== INT64_BYTES) return notANumber(column, old.length);
    const base = old === null ? 0n : old.readBigInt64BE(0);
    const sum = base + amount;
    if (sum !== BigInt.asIntN(64, sum)) return int64Overflow(column, base, amount);
    const value = Buffer.allocUnsafe(INT64_BYTES);
    value.writeBigInt64BE(sum, 0);
    this.#compute(column, { value, int64: true, timestamp });
    return null;
  }

  #append(column: Column, tail: Buffer, timestamp: Version | null): DatabaseErrorBody | null {
    const old = this.#newest(column)?.value ?? null;
    const length = (old?.length ?? 0) + tail.length;
    if (length > MAX_VALUE_BYTES) return valueTooLarge(column, length);
    const value = old === null ? tail : Buffer.concat([old, tail], length);
    this.#compute(column, { value, int64: false, timestamp });
    return null;
  }

  #compute(
    column: Column,
    cell: { value: Buffer; int64: boolean; timestamp: Version | null },
  ): void {
    this.#set(column, cell);
    const { value, int64 } = cell;
    // A family name holds no colon, so the text is unambiguous.
    const place = `${column.family}:${rowKeyText(column.qualifier)}`;
    this.#computed.set(place, { column, value, int64 });
  }

  #newest({ family, qualifier }: Column): CellVersion | null {
    return this.draft.newest(this.#family(family).number, qualifier);
  }

  #defaultTimestamp(family: number, qualifier: Buffer): Version {
    const newest = this.draft.newest(family, qualifier);
    if (newest === null || newest.timestamp < this.#version) return this.#version;
    // Nothing is above the last timestamp: the cell there is replaced, and so is what is read.
    return Math.min(newest.timestamp + 1, LAST_TIMESTAMP) as Version;
  }

  #family(name: string): Family {
    return must(this.#families.byName.get(name), "the families of a write were checked");
  }
}
