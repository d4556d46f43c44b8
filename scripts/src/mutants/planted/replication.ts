/** Bugs planted into the host of replicas: its loop, leases, applying, checkpoints, snapshots, recovery. */
import type { Mutant } from "../mutant.ts";

const HOST = "shared/src/replication";

export const replicationMutants: readonly Mutant[] = [
  {
    name: "The host sends answers without waiting for the write that they speak of",
    number: 2,
    edits: [
      {
        file: `${HOST}/host-loop.ts`,
        original: `      if (persist === null) this.#parts.dispatch.add(replica, ready.sendAfterPersist);
      else {
`,
        replacement: `      this.#parts.dispatch.add(replica, ready.sendAfterPersist);
      if (persist !== null) {
`,
      },
    ],
    catchers: ["acknowledged means durable", "one vote per term"],
  },
  {
    name: "A restart forgets the outgoing half of a joint config in the log",
    number: 10,
    edits: [
      {
        file: `${HOST}/replica-draft.ts`,
        original: "this.#laterConfigs.push({ index, config: decodeGroupConfig(payload) });",
        replacement:
          "this.#laterConfigs.push({ index, config: { ...decodeGroupConfig(payload), outgoing: [] } });",
      },
    ],
    catchers: ["one leader per term", "committed never changes", "process failed"],
  },
  {
    name: "A leader serves before the entry that opened its term is applied",
    number: 11,
    edits: [
      {
        file: `${HOST}/replica.ts`,
        original: `if (role !== "leader" || this.#applied.term !== term) return;`,
        replacement: `if (role !== "leader") return;`,
      },
    ],
    catchers: ["linearizability", "exactly once", "process failed"],
  },
  {
    name: "A lease counts from when its round was acknowledged",
    number: 12,
    edits: [
      {
        file: `${HOST}/replica.ts`,
        original: "if (ready.roundAcked !== null) this.#lease.roundAcked(ready.roundAcked);",
        replacement: `if (ready.roundAcked !== null) {
      this.#lease.roundAcked(ready.roundAcked);
      this.#lease.roundSent(ready.roundAcked, this.#calls.nowMs());
      this.#lease.roundAcked(ready.roundAcked);
    }`,
      },
    ],
    catchers: ["one lease holder", "linearizability"],
  },
  {
    name: "A leader keeps its lease while it hands over",
    number: 12,
    edits: [
      {
        file: `${HOST}/replica.ts`,
        original: "this.#leads !== this.#forfeitedTerm &&",
        replacement: "",
      },
    ],
    catchers: ["one lease holder", "linearizability"],
  },
  {
    name: "The applied index is written in a batch before its data",
    number: 13,
    edits: [
      {
        file: `${HOST}/applier.ts`,
        original: "if (operations.length > 0) await this.#parts.store.write(operations);",
        replacement: `const isHosts = ({ key }: StoreOperation): boolean => (key[0] ?? 0) < 0x10;
    await this.#parts.store.write(operations.filter((operation) => isHosts(operation)));
    await this.#parts.store.write(operations.filter((operation) => !isHosts(operation)));`,
      },
    ],
    catchers: ["equal state at equal index", "table contents", "linearizability"],
  },
  {
    name: "The applied index is written in a batch behind its data",
    number: 13,
    edits: [
      {
        file: `${HOST}/applier.ts`,
        original: "if (operations.length > 0) await this.#parts.store.write(operations);",
        replacement: `const isHosts = ({ key }: StoreOperation): boolean => (key[0] ?? 0) < 0x10;
    await this.#parts.store.write(operations.filter((operation) => !isHosts(operation)));
    await this.#parts.store.write(operations.filter((operation) => isHosts(operation)));`,
      },
    ],
    catchers: ["equal state at equal index", "exactly once", "recovery"],
  },
  {
    name: "A snapshot carries the config of where the sender's log begins",
    number: 14,
    edits: [
      {
        file: `${HOST}/snapshot-sender.ts`,
        original: `must(replica.raft.configAt(index), "the config at the applied index");`,
        replacement: `must(replica.raft.configHistory()[0], "the config at the applied index");`,
      },
    ],
    catchers: ["one leader per term", "liveness", "process failed"],
  },
  {
    name: "A tombstone does not keep a replica from being created again",
    number: 15,
    edits: [
      {
        file: `${HOST}/replica-table.ts`,
        original: "return (this.#tombstones.get(tablet) ?? -1) >= replica;",
        replacement: "return (this.#tombstones.get(tablet) ?? -1) > replica;",
      },
    ],
    catchers: ["one leader per term", "acknowledged means durable", "liveness", "process failed"],
  },
  {
    name: "A restart does not heed tombstones in the commit log",
    number: 15,
    edits: [
      {
        file: `${HOST}/recovery.ts`,
        original: "this.#buried(tabletId, replicaId);",
        replacement: "",
      },
    ],
    catchers: ["recovery", "one leader per term", "liveness", "process failed"],
  },
  {
    name: "Segments are freed without asking which entries are still needed",
    number: 19,
    edits: [
      {
        file: `${HOST}/checkpointing.ts`,
        original: "const freeable = Math.min(settled, this.#lowestNeeded(marks) - 1);",
        replacement: "const freeable = settled;",
      },
    ],
    catchers: ["log freed below the checkpoint", "acknowledged means durable", "process failed"],
  },
  {
    name: "Segments are freed before the checkpoint that covers them is proven",
    number: 19,
    edits: [
      {
        file: `${HOST}/checkpointing.ts`,
        original: "    await store.checkpoint();\n",
        replacement: "    void store.checkpoint().catch(() => undefined);\n",
      },
    ],
    catchers: ["log freed below the checkpoint", "recovery", "acknowledged means durable"],
  },
  {
    name: "A replica with a hole in its log comes back as if it were whole",
    number: null,
    edits: [
      {
        file: `${HOST}/recovery.ts`,
        original: "const reason = draft.suspect ?? draft.missing();",
        replacement: "const reason = draft.missing();",
      },
    ],
    catchers: ["acknowledged means durable", "committed never changes", "one leader per term"],
  },
  {
    name: "A snapshot is taken up before its data is proven durable",
    number: null,
    edits: [
      {
        file: `${HOST}/snapshot-receiver.ts`,
        original: "await store.checkpoint();",
        replacement: "",
      },
    ],
    catchers: ["equal state at equal index", "acknowledged means durable", "table contents"],
  },
  {
    name: "A snapshot that does not arrive gives its sender out as damaged",
    number: null,
    edits: [
      {
        file: `${HOST}/snapshot-exchange.ts`,
        original: "if (error instanceof StoreReadError || error instanceof DamagedReplicaError) {",
        replacement: "if (error instanceof StoreReadError || error instanceof Error) {",
      },
    ],
    catchers: ["suspect means damaged"],
  },
  {
    name: "The data of a replica that is destroyed is never put on the garbage list",
    number: null,
    edits: [
      {
        file: `${HOST}/replica-table.ts`,
        original: "if (left !== null) {",
        replacement: "if (left !== null && replicaId < 0) {",
      },
    ],
    catchers: ["liveness"],
  },
];
