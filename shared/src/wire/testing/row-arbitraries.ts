/**
 * Random rows, writes and answers, for the property tests of every package that handles them.
 */
import fc from "fast-check";
import { ERROR_KINDS } from "../../errors.ts";
import type { DatabaseErrorBody, ErrorCode } from "../../errors.ts";
import { serverId } from "../../ids.ts";
import type { LogIndex, ReplicaId, ServerId, TableId, TabletId, Version } from "../../ids.ts";
import type {
  Column,
  Conditions,
  Mutation,
  Predicate,
  Projection,
  RowWrite,
  ScanChunk,
  ScanRequest,
  WriteOutcome,
  WriteResult,
} from "../../row-operations.ts";
import type { Row } from "../../row.ts";
import type { TabletDescriptor } from "../../tablet-descriptor.ts";
import type { RowCall } from "../row-calls.ts";
import type { RowReply } from "../row-replies.ts";
import type { ServedBy } from "../served-by.ts";

/** Few and nasty byte strings, so that equal ones and prefixes of one another are common. */
export const bytes: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom("", "00", "0000", "ff", "ffff", "61", "6100", "61ff", "6162").map(fromHex),
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
);

export const key: fc.Arbitrary<Buffer> = bytes.filter((value) => value.length > 0);
export const version = fc.maxSafeNat() as fc.Arbitrary<Version>;
export const familyName = fc.constantFrom("d", "grade", "info", "z");
export const column: fc.Arbitrary<Column> = fc.record({ family: familyName, qualifier: bytes });
const optionalVersion = fc.option(version);
const counter = fc.maxSafeNat();

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    column,
    value: bytes,
    int64: fc.boolean(),
    timestamp: optionalVersion,
  }),
  fc.record({
    kind: fc.constant("delete-column" as const),
    column,
    from: optionalVersion,
    to: optionalVersion,
  }),
  fc.record({ kind: fc.constant("delete-family" as const), family: familyName }),
  fc.record({ kind: fc.constant("delete-row" as const) }),
  fc.record({
    kind: fc.constant("increment" as const),
    column,
    amount: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    timestamp: optionalVersion,
  }),
  fc.record({
    kind: fc.constant("append" as const),
    column,
    value: bytes,
    timestamp: optionalVersion,
  }),
);

export const predicate: fc.Arbitrary<Predicate> = fc.letrec<{ tree: Predicate }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.record({ kind: fc.constant("column-equals" as const), column, value: bytes }),
    fc.record({ kind: fc.constant("column-exists" as const), column, exists: fc.boolean() }),
    fc.record({ kind: fc.constant("row-exists" as const), exists: fc.boolean() }),
    fc.record({ kind: fc.constant("row-version" as const), version }),
    fc.record({ kind: fc.constant("all" as const), of: fc.array(tie("tree"), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("any" as const), of: fc.array(tie("tree"), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("not" as const), of: tie("tree") }),
  ),
})).tree;

const versions: fc.Arbitrary<Conditions["ifMatch"]> = fc.oneof(
  fc.constantFrom(null, "any" as const),
  fc.array(version, { maxLength: 3 }),
);

export const rowWrite: fc.Arbitrary<RowWrite> = fc.record({
  key,
  conditions: fc.record({ ifMatch: versions, ifNoneMatch: versions, absent: fc.boolean() }),
  predicate: fc.option(predicate),
  mutations: fc.array(mutation, { maxLength: 6 }),
  otherwise: fc.array(mutation, { maxLength: 3 }),
  idempotency: fc.option(
    fc.record({ key: fc.string({ minLength: 1, maxLength: 20 }), fingerprint: bytes }),
  ),
});

export const projection: fc.Arbitrary<Projection> = fc.record({
  columns: fc.option(
    fc.array(fc.record({ family: familyName, qualifier: fc.option(bytes) }), { maxLength: 4 }),
  ),
  versions: fc.option(fc.integer({ min: 1, max: 4 })),
  timestamp: optionalVersion,
  keysOnly: fc.boolean(),
});

const scan: fc.Arbitrary<ScanRequest> = fc.record({
  start: fc.option(key),
  end: fc.option(key),
  reverse: fc.boolean(),
  limit: counter,
  byteBudget: counter,
  projection,
  countOnly: fc.boolean(),
});

const target = { tabletId: counter as fc.Arbitrary<TabletId>, generation: counter };

const sequenceProgress = {
  sequenceId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  doneBelow: counter,
};

export const rowCall: fc.Arbitrary<RowCall> = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    ...target,
    ...sequenceProgress,
    retired: fc.array(fc.record(sequenceProgress), { maxLength: 2 }),
    hasStrays: fc.boolean(),
    writes: fc.array(fc.record({ seq: counter, write: rowWrite }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("read" as const),
    ...target,
    keys: fc.array(key, { minLength: 1, maxLength: 5 }),
    projection,
  }),
  fc.record({ kind: fc.constant("scan" as const), ...target, scan }),
);

export const descriptor: fc.Arbitrary<TabletDescriptor> = fc.record({
  tabletId: counter as fc.Arbitrary<TabletId>,
  schema: fc.record({
    tableId: counter as fc.Arbitrary<TableId>,
    schemaVersion: counter,
    families: fc.array(
      fc.record({
        name: familyName,
        number: fc.integer({ min: 1, max: 65535 }),
        rule: fc.record({ maxVersions: fc.option(fc.integer({ min: 1, max: 9 })) }),
      }),
      { maxLength: 4 },
    ),
  }),
  range: fc.record({ start: fc.option(key), end: fc.option(key) }),
  generation: counter,
  configIndex: counter as fc.Arbitrary<LogIndex>,
  replicas: fc.array(
    fc.record({
      replicaId: counter as fc.Arbitrary<ReplicaId>,
      serverId: fc.uuid().map(serverId),
      role: fc.constantFrom("voter" as const, "learner" as const, "leaving" as const),
    }),
    { maxLength: 5 },
  ),
});

const text = fc.string({ maxLength: 30 });

/** Members that are absent, never undefined. */
export const errorBody = fc.record(
  {
    code: fc.constantFrom(...(Object.keys(ERROR_KINDS) as ErrorCode[])),
    detail: text,
    hint: text,
    errors: fc.array(fc.record({ pointer: text, detail: text }), { maxLength: 3 }),
    applied: fc.constantFrom("no" as const, "unknown" as const),
    version: optionalVersion,
    retryAfterMs: counter,
    allow: fc.array(text, { maxLength: 3 }),
  },
  { requiredKeys: ["code", "detail"] },
) as fc.Arbitrary<DatabaseErrorBody>;

export const writeResult: fc.Arbitrary<WriteResult> = fc.record({
  version: optionalVersion,
  createdRow: fc.boolean(),
  createdColumn: fc.boolean(),
  matched: fc.boolean(),
  computed: fc.array(fc.record({ column, value: bytes, int64: fc.boolean() }), { maxLength: 3 }),
  replayed: fc.boolean(),
});

export const writeOutcome: fc.Arbitrary<WriteOutcome> = fc.oneof(
  fc.record({ kind: fc.constant("done" as const), result: writeResult }),
  fc.record({ kind: fc.constant("failed" as const), error: errorBody }),
);

/** Cells in the order and without the doubles that W1 and W2 of `row.ts` ask for. */
export const row: fc.Arbitrary<Row> = fc.record({
  key,
  version,
  cells: fc
    .uniqueArray(
      fc.record({
        family: familyName,
        qualifier: bytes,
        timestamp: version,
        value: bytes,
        int64: fc.boolean(),
      }),
      {
        selector: (cell) => `${cell.family}:${cell.qualifier.toString("hex")}@${cell.timestamp}`,
        maxLength: 12,
      },
    )
    .map((cells) =>
      cells.sort(
        (a, b) =>
          Buffer.compare(Buffer.from(a.family), Buffer.from(b.family)) ||
          Buffer.compare(a.qualifier, b.qualifier) ||
          b.timestamp - a.timestamp,
      ),
    ),
});

const servedBy: fc.Arbitrary<ServedBy> = fc.record({
  server: text,
  role: fc.constantFrom("leader" as const, "follower" as const),
  tablet: counter as fc.Arbitrary<TabletId>,
  generation: counter,
  staleness: fc.nat(1_000_000).map((ms) => ms / 1000),
  session: version,
});

const chunk: fc.Arbitrary<ScanChunk> = fc.record({
  rows: fc.array(row, { maxLength: 5 }),
  count: counter,
  resume: fc.option(key),
});

const applied = fc.constantFrom("no" as const, "unknown" as const);

export const rowReply: fc.Arbitrary<RowReply> = fc.oneof(
  fc.record({
    kind: fc.constant("written" as const),
    servedBy,
    outcomes: fc.array(writeOutcome, { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("read" as const),
    servedBy,
    rows: fc.array(fc.option(row), { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant("scanned" as const), servedBy, chunk }),
  fc.record({ kind: fc.constant("failed" as const), error: errorBody }),
  fc.record({
    kind: fc.constant("not-leader" as const),
    leader: fc.option(fc.uuid().map(serverId)) as fc.Arbitrary<ServerId | null>,
    descriptor,
    applied,
  }),
  fc.record({
    kind: fc.constant("wrong-range" as const),
    applied,
    descriptors: fc.array(descriptor, { maxLength: 3 }),
  }),
  fc.constantFrom({ kind: "not-here" as const }, { kind: "table-dropped" as const }),
);

function fromHex(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}
