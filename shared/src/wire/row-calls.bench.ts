/**
 * How fast calls and replies of single rows are encoded and decoded.
 * Run: node shared/src/wire/row-calls.bench.ts
 */
import type { TabletId, Version } from "../ids.ts";
import { measureCalls } from "../testing/measure-calls.bench.ts";
import { NO_CONDITIONS } from "../row-operations.ts";
import { decodeRowCall, encodeRowCall } from "./row-calls.ts";
import type { RowCall } from "./row-calls.ts";
import { decodeRowReply, encodeRowReply } from "./row-replies.ts";
import type { RowReply } from "./row-replies.ts";

const version = 1_764_000_000_000_000 as Version;
const qualifier = Buffer.from("balance");
const target = { tabletId: 7 as TabletId, generation: 41 };

function writeCall(writes: number): RowCall {
  const write = {
    key: Buffer.from("user:0000000001"),
    conditions: NO_CONDITIONS,
    predicate: null,
    mutations: [
      {
        kind: "set" as const,
        column: { family: "d", qualifier },
        value: Buffer.alloc(100, "v"),
        int64: false,
        timestamp: null,
      },
    ],
    otherwise: [],
    idempotency: null,
  };
  const numbered = Array.from({ length: writes }, (_, seq) => ({ seq, write }));
  return {
    kind: "write",
    ...target,
    sequenceId: 2n ** 63n,
    doneBelow: 1000,
    retired: [],
    hasStrays: false,
    writes: numbered,
  };
}

const readCall: RowCall = {
  kind: "read",
  ...target,
  keys: [Buffer.from("user:0000000001")],
  projection: { columns: null, versions: 1, timestamp: null, keysOnly: false },
};

const servedBy = {
  server: "ts1",
  role: "leader" as const,
  tablet: target.tabletId,
  generation: 41,
  staleness: 0,
  session: version,
};

const written: RowReply = {
  kind: "written",
  servedBy,
  outcomes: [
    {
      kind: "done",
      result: {
        version,
        createdRow: false,
        createdColumn: false,
        matched: true,
        computed: [],
        replayed: false,
      },
    },
  ],
};

const read: RowReply = {
  kind: "read",
  servedBy,
  rows: [
    {
      key: Buffer.from("user:0000000001"),
      version,
      cells: [
        { family: "d", qualifier, timestamp: version, value: Buffer.alloc(100), int64: false },
      ],
    },
  ],
};

for (const [name, call] of [
  ["a write of one row", writeCall(1)],
  ["a write of 100 rows", writeCall(100)],
  ["a read of one key", readCall],
] as const) {
  const bytes = encodeRowCall(call);
  measureCalls(`encode ${name} (${bytes.length} bytes)`, () => encodeRowCall(call));
  measureCalls(`decode ${name}`, () => decodeRowCall(bytes));
}

for (const reply of [written, read]) {
  const bytes = encodeRowReply(reply);
  const name = `the reply "${reply.kind}" of one row`;
  measureCalls(`encode ${name} (${bytes.length} bytes)`, () => encodeRowReply(reply));
  measureCalls(`decode ${name}`, () => decodeRowReply(bytes));
}
