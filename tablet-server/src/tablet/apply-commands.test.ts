import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoreOperation } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { spaceId, type LogIndex, type Term, type Version } from "@stele/shared/ids.ts";
import {
  DamagedReplicaError,
  type CommittedCommand,
} from "@stele/shared/replication/state-machine.ts";
import { WHOLE_TABLE } from "@stele/shared/row-range.ts";
import { rowStoreKey } from "../storage/key-layout.ts";
import { decodeRowRecord, encodeRowRecord } from "../storage/row-record.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import { GENERATION, SCHEMA, TABLET } from "../testing/tablet-cluster.ts";
import { stoppedAt } from "./applied-commands.ts";
import { applyCommands } from "./apply-commands.ts";
import type { CellChange, RowEffect } from "./effects.ts";
import { encodeEntry, type EntryPayload, type WriteEntry } from "./entry-payload.ts";
import { encodeIdempotencyRecord } from "./idempotency.ts";
import { logAge } from "./log-age.ts";
import { RetryTable } from "./retry-table.ts";
import { TABLET_LIMITS } from "./tablet-limits.ts";
import { encodeRetryRecord } from "./retry-record.ts";
import { encodeTabletState, newTabletState, type TabletState } from "./tablet-state.ts";

const SPACE = spaceId(5);
const RESULT = {
  version: 1 as Version,
  createdRow: false,
  createdColumn: false,
  matched: true,
  computed: [],
  replayed: false,
};

/** A replica's store and state, to which entries are applied in batches. */
class Applied {
  readonly store = new Map<string, Buffer>();
  readonly fates: string[] = [];
  state: TabletState = newTabletState({
    tabletId: TABLET,
    schema: SCHEMA,
    range: WHOLE_TABLE,
    generation: GENERATION,
    space: SPACE,
  });
  readonly #retries = RetryTable.restore(null, [], TABLET_LIMITS.retryTtlMs);
  reads = 0;

  async apply(commands: readonly CommittedCommand[]): Promise<void> {
    for (let from = 0; from < commands.length;) {
      const part = commands.slice(from);
      const applied = await applyCommands(this.state, this.#retries, part, (keys) => {
        this.reads++;
        return Promise.resolve(keys.map((key) => this.store.get(key.toString("hex"))));
      });
      for (const operation of applied.operations) this.#write(operation);
      this.state = applied.state;
      this.fates.push(...applied.commands.map(({ fate }) => fate));
      const last = stoppedAt(applied, part);
      from =
        last === undefined ? commands.length : commands.findIndex((one) => one.index === last) + 1;
    }
  }

  #write(operation: StoreOperation): void {
    const key = operation.key.toString("hex");
    if (operation.type === "put") this.store.set(key, operation.value);
    else this.store.delete(key);
  }

  row(key: string): StoredRow | null {
    const rowKey = Buffer.from(key);
    const record = this.store.get(rowStoreKey(SPACE, rowKey).toString("hex"));
    return record === undefined ? null : decodeRowRecord(rowKey, record);
  }

  everything(): unknown {
    const records = [...this.store].map(([key, value]) => `${key}=${value.toString("hex")}`);
    return { records: records.sort(), state: encodeTabletState(this.state).toString("hex") };
  }
}

function logged(entries: readonly EntryPayload[]): CommittedCommand[] {
  return entries.map((entry, at) => ({
    index: (at + 2) as LogIndex,
    term: 1 as Term,
    payload: encodeEntry(entry),
  }));
}

/** Also the ages of entries. */
let versions = 0;

function write(effects: readonly RowEffect[], more: Partial<WriteEntry> = {}): WriteEntry {
  const maxVersion = ++versions as Version;
  const age = logAge(versions);
  return {
    kind: "write",
    generation: GENERATION,
    maxVersion,
    age,
    rowsAdded: 0,
    rowsRemoved: 0,
    effects,
    idempotency: [],
    retries: encodeRetryRecord({ age, sequences: [] }),
    ...more,
  };
}

function cell(qualifier: string, value: string, timestamp: number): CellChange {
  return {
    kind: "set",
    family: 1,
    qualifier: Buffer.from(qualifier),
    timestamp: timestamp as Version,
    int64: false,
    value: Buffer.from(value),
    keep: null,
  };
}

function change(key: string, version: number, ...changes: CellChange[]): RowEffect {
  return { kind: "change-row", key: Buffer.from(key), version: version as Version, changes };
}

function put(key: string, version: number, value = "v"): RowEffect {
  const cells = [{ timestamp: version as Version, int64: false, value: Buffer.from(value) }];
  const families = [{ number: 1, columns: [{ qualifier: Buffer.from("p"), cells }] }];
  const rowKey = Buffer.from(key);
  const record = encodeRowRecord(rowKey, { version: version as Version, families });
  return { kind: "put-row", key: rowKey, record };
}

const key = fc.constantFrom("a", "b", "c", "a\0", "d");
const effect: fc.Arbitrary<RowEffect> = fc.oneof(
  fc.record({ key, version: fc.nat(1000) }).map(({ key: name, version }) => put(name, version)),
  fc
    .record({ key, version: fc.nat(1000), text: fc.string({ maxLength: 5 }) })
    .map((one) => change(one.key, one.version, cell(one.text, one.text, one.version))),
  fc
    .record({ key, version: fc.nat(1000) })
    .map((one) =>
      change(one.key, one.version, { kind: "delete-all" }, cell("x", "y", one.version)),
    ),
  key.map((name) => ({ kind: "delete-row" as const, key: Buffer.from(name) })),
);

const idempotent = fc
  .record({ key, name: fc.constantFrom("k", "l"), expiry: fc.nat(2000) })
  .map(({ expiry, key: name, name: idempotencyKey }) => {
    const rowKey = Buffer.from(name);
    const record = { fingerprint: Buffer.from("f"), expiry: logAge(expiry), result: RESULT };
    return {
      rowKey,
      idempotencyKey,
      record: encodeIdempotencyRecord(rowKey, idempotencyKey, record),
    };
  });

const writeEntry = fc
  .record({
    effects: fc.array(effect, { maxLength: 4 }),
    idempotency: fc.array(idempotent, { maxLength: 2 }),
    added: fc.nat(2),
    removed: fc.nat(2),
    sequence: fc.bigInt({ min: 1n, max: 3n }),
    seq: fc.nat(30),
    doneBelow: fc.nat(20),
    generation: fc.constantFrom(GENERATION, GENERATION, GENERATION, GENERATION - 1),
  })
  .map((one): EntryPayload => {
    const entry = write(one.effects, {
      idempotency: one.idempotency,
      rowsAdded: one.added,
      rowsRemoved: one.removed,
      generation: one.generation,
    });
    const outcomes = [{ seq: one.seq, outcome: { kind: "done" as const, result: RESULT } }];
    const sequences = [{ sequenceId: one.sequence, doneBelow: one.doneBelow, outcomes }];
    return { ...entry, retries: encodeRetryRecord({ age: entry.age, sequences }) };
  });

const entry: fc.Arbitrary<EntryPayload> = fc.oneof(
  { weight: 8, arbitrary: writeEntry },
  {
    weight: 2,
    arbitrary: fc
      .record({ age: fc.nat(2000), names: fc.array(idempotent, { maxLength: 3 }) })
      .map(({ age, names }): EntryPayload => ({
        kind: "forget-idempotency",
        generation: GENERATION,
        age: logAge(age),
        records: names.map(({ idempotencyKey, rowKey }) => ({ rowKey, idempotencyKey })),
      })),
  },
  fc.constant<EntryPayload>({ kind: "verify", generation: GENERATION, verifyId: 1 }),
);

describe("applying entries", () => {
  test("gives the same store and state however they are cut into batches", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12, maxLength: 12 }),
        fc.option(fc.nat(11)),
        async (entries, cuts, dropAt) => {
          const all = [...entries];
          if (dropAt !== null)
            all.splice(dropAt, 0, { kind: "drop-tablet", generation: GENERATION });
          const commands = logged(all);
          const [whole, single, cut] = [new Applied(), new Applied(), new Applied()];
          await whole.apply(commands);
          for (const command of commands) await single.apply([command]);
          for (let from = 0, at = 0; from < commands.length; at++) {
            const length = cuts[at % cuts.length] ?? 1;
            await cut.apply(commands.slice(from, from + length));
            from += length;
          }
          expect(single.everything()).toEqual(whole.everything());
          expect(cut.everything()).toEqual(whole.everything());
          expect(whole.state.idempotencyBytes).toBe(idempotencyBytesIn(whole));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("an entry of another generation changes nothing but the highest version and the age", async () => {
    const replica = new Applied();
    const stale = write([put("a", 900)], { generation: GENERATION - 1, rowsAdded: 1 });
    await replica.apply(logged([stale]));
    expect(replica.fates).toEqual(["void"]);
    expect(replica.store.size).toBe(0);
    expect(replica.state).toMatchObject({ rows: 0, maxVersion: stale.maxVersion, age: stale.age });
  });

  test("a write behind the drop of its tablet has no effect", async () => {
    const replica = new Applied();
    const drop = { kind: "drop-tablet", generation: GENERATION } as const;
    await replica.apply(logged([write([put("a", 1)]), drop, write([put("b", 2)]), drop]));
    expect(replica.fates).toEqual(["effective", "effective", "void", "effective"]);
    expect(replica.row("a")).not.toBeNull();
    expect(replica.row("b")).toBeNull();
  });

  test("of several effects on one row the later see the earlier ones, and one record is written", async () => {
    const replica = new Applied();
    const entries = [
      write([put("a", 1), change("a", 2, cell("x", "1", 2)), change("a", 3, cell("y", "2", 3))]),
      write([change("a", 4, cell("x", "3", 4))]),
      write([{ kind: "delete-row", key: Buffer.from("b") }, change("b", 5, cell("x", "4", 5))]),
    ];
    await replica.apply(logged(entries));
    const columns = replica
      .row("a")
      ?.families[0]?.columns.map(({ qualifier, cells }) => [
        qualifier.toString(),
        cells.map(({ value }) => value.toString()).join(),
      ]);
    expect(columns).toEqual([
      ["p", "v"],
      ["x", "3,1"],
      ["y", "2"],
    ]);
    expect(replica.row("a")?.version).toBe(4);
    expect(replica.row("b")?.version).toBe(5);
    expect(replica.reads).toBe(1);
  });

  test("a batch ends with a verify entry, and when it has grown large", async () => {
    const many = write(Array.from({ length: 700 }, (_, at) => put(`r${at}`, at + 1)));
    const verify = { kind: "verify", generation: GENERATION, verifyId: 9 } as const;
    const commands = logged([write([]), verify, many, many, many]);
    const retries = RetryTable.restore(null, [], TABLET_LIMITS.retryTtlMs);
    const { state } = new Applied();
    const none = () => Promise.resolve([]);
    const first = await applyCommands(state, retries, commands, none);
    expect(first.verify).toEqual({ index: 3, verifyId: 9 });
    expect(stoppedAt(first, commands)).toBe(3);
    const second = await applyCommands(first.state, retries, commands.slice(2), none);
    expect(stoppedAt(second, commands)).toBe(5);
  });

  test("a damaged record, or entry, makes the replica suspect", async () => {
    const replica = new Applied();
    const storeKey = rowStoreKey(SPACE, Buffer.from("a")).toString("hex");
    replica.store.set(storeKey, Buffer.from("nothing like a record"));
    const damaged = replica.apply(logged([write([change("a", 1, cell("x", "1", 1))])]));
    await expect(damaged).rejects.toThrow(DamagedReplicaError);
    const command = { index: 2 as LogIndex, term: 1 as Term, payload: Buffer.from([1, 77, 0]) };
    await expect(new Applied().apply([command])).rejects.toThrow(DamagedReplicaError);
  });
});

function idempotencyBytesIn(replica: Applied): number {
  let bytes = 0;
  for (const [text, value] of replica.store) {
    const isIdempotency = Buffer.from(text, "hex")[9] === 2;
    if (isIdempotency) bytes += text.length / 2 + value.length;
  }
  return bytes;
}
