/** Bugs planted into tablets and the service of their rows. */
import type { Mutant } from "../mutant.ts";

const SERVER = "tablet-server/src";

export const tabletMutants: readonly Mutant[] = [
  {
    name: "A snapshot lacks the results that retries are answered from",
    number: 14,
    edits: [
      {
        file: `${SERVER}/tablet/tablet-ranges.ts`,
        original: "    retryBounds(firstSpace(state), state.tabletId),\n",
        replacement: "",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "A snapshot lacks the records of Idempotency-Keys",
    number: 14,
    edits: [
      {
        file: `${SERVER}/tablet/tablet-ranges.ts`,
        original:
          "    ...state.spans.map(({ range, space }) => idempotencyBounds(space, range)),\n",
        replacement: "",
      },
    ],
    catchers: ["exactly once", "equal state at equal index"],
  },
  {
    name: "Versions follow the leader's clock, also backwards",
    number: 23,
    edits: [
      {
        file: `${SERVER}/tablet/tablet-writes.ts`,
        original: "return Math.max(wall, this.#highest + 1) as Version;",
        replacement: "return wall as Version;",
      },
    ],
    catchers: ["linearizability", "equal state at equal index", "table contents"],
  },
  {
    name: "Keys are compared as strings",
    number: 24,
    edits: [
      {
        file: "shared/src/row-key.ts",
        original: "return Buffer.compare(a, b);",
        replacement: `const [left, right] = [a.toString(), b.toString()];
  if (left === right) return 0;
  return left < right ? -1 : 1;`,
      },
    ],
    catchers: ["ranges tile the key space", "scan coverage", "table contents"],
  },
  {
    name: "A write is answered when it is proposed",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/entry-queue.ts`,
        original: "this.#follow(batch, proposed.index);",
        replacement: "this.#parts.applied(batch);",
      },
    ],
    catchers: ["acknowledged means durable", "linearizability"],
  },
  {
    name: "A row is let go while entries that change it are not applied",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/row-lane.ts`,
        original: "return this.first === undefined && this.unapplied === 0;",
        replacement: "return this.first === undefined;",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "A write that is sent again under its number is done again",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/decide-write.ts`,
        original: `if (retry.kind === "decided") return`,
        replacement: `if (retry.kind === "decided" && write.idempotency !== null) return`,
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "A write that changed nothing leaves no trace for an attempt that comes after its answer",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/tablet-writes.ts`,
        original: "if (!pending.hasStrays) this",
        replacement: "if (pending.numbered.seq >= 0) this",
      },
    ],
    catchers: ["linearizability", "scan coverage"],
  },
  {
    name: "A call that comes after its number was given up is carried out",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/retry-table.ts`,
        original: `if (seq < sequence.doneBelow) return { kind: "abandoned" };`,
        replacement: "",
      },
      {
        file: `${SERVER}/tablet/tablet-writes.ts`,
        original: `if (known.kind === "new" && this.#underWay.isDone(sequenceId, seq))`,
        replacement: `if (known.kind === "abandoned" && this.#underWay.isDone(sequenceId, seq))`,
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "What retries are answered from is kept in memory only",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/apply-run.ts`,
        original: "if (keep) this.#put(retryStoreKey(space, tabletId, index), bytes);",
        replacement: "void keep;",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "The record of an Idempotency-Key is not written with its write",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/apply-run.ts`,
        original: "for (const stored of entry.idempotency) this.#keep(stored);",
        replacement: "",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "Log age follows the leader's wall clock",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/log-age.ts`,
        original: "return (this.#begin + Math.floor(monotonicMs - this.#beginMs)) as LogAge;",
        replacement:
          "return Math.max(this.#begin, Math.floor(this.#clock.wallMicros() / 1000)) as LogAge;",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "A row that is replaced keeps a change of the same batch",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/apply-run.ts`,
        original: `        this.#changed.delete(text);
        this.#writes.set(text, { type: "put", key: storeKey, value: effect.record });
`,
        replacement: `        this.#writes.set(text, { type: "put", key: storeKey, value: effect.record });
`,
      },
    ],
    catchers: ["equal state at equal index", "linearizability"],
  },
  {
    name: "Without a lease a leader reads its rows and does not ask a quorum",
    number: null,
    edits: [
      {
        file: `${SERVER}/row-reads.ts`,
        original: "else this.#afterBarrier(tablet, call, incoming, read);",
        replacement: "else read();",
      },
    ],
    catchers: ["linearizability"],
  },
  {
    name: "A write that changes nothing is answered by a leader that may be deposed",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/read-confirmation.ts`,
        original: "if (this.#group.holdsLease()) {",
        replacement: "if (read.length > 0) {",
      },
    ],
    catchers: ["linearizability"],
  },
  {
    name: "A chunk of a scan goes on behind the row that had no room",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/tablet-reads.ts`,
        original: "this.resume = this.#scan.reverse ? keyAfter(key) : Buffer.from(key);",
        replacement: "this.resume = this.#scan.reverse ? Buffer.from(key) : keyAfter(key);",
      },
    ],
    catchers: ["scan coverage", "linked list", "table contents"],
  },
  {
    name: "Results for retries expire while front-ends still retry",
    number: null,
    edits: [
      {
        file: `${SERVER}/tablet/retry-table.ts`,
        original: "const limit = now - this.#ttlMs;",
        replacement: "const limit = now - this.#ttlMs / 10;",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
];
