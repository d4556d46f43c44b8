/** Bugs planted into what is on disk: the commit log, and the proof that the store is flushed. */
import type { Mutant } from "../mutant.ts";

export const commitLogMutants: readonly Mutant[] = [
  {
    name: "A flush that resolves is believed without proof",
    number: 13,
    edits: [
      {
        file: "shared/src/checkpoint-store/proven-flush.ts",
        original: "if (covered !== null && proves(await engine.listLogs(), covered)) {",
        replacement: "if (covered !== null) {",
      },
    ],
    catchers: ["log freed below the checkpoint", "recovery", "acknowledged means durable"],
  },
  {
    // The simulated disk stands for LevelDB's directory, whose own logs are deleted before it is opened.
    name: "The store's own log is trusted at a start",
    number: 13,
    edits: [
      {
        file: "shared/src/checkpoint-store/testing/memory-checkpoint-store.ts",
        original: 'const { clock, random, ownLog = "deleted", onProof } = options;',
        replacement: 'const { clock, random, ownLog = "trusted", onProof } = options;',
      },
    ],
    catchers: ["equal state at equal index", "acknowledged means durable", "table contents"],
  },
  {
    name: "Damage in the middle of the last segment is taken for a torn tail",
    number: 20,
    edits: [
      {
        file: "shared/src/commit-log/segment-scan.ts",
        original: "const found = await this.#findBehind(doubt.next ?? this.#at);",
        replacement: "const found = null as FoundBatch | null;",
      },
    ],
    catchers: ["acknowledged means durable", "committed never changes", "one leader per term"],
  },
  {
    name: "A failed fsync is tried again, and believed",
    number: 21,
    edits: [
      {
        file: "shared/src/commit-log/segmented-commit-log.ts",
        original: "await this.#io(Promise.all([zeros, batch]));",
        replacement: `const synced = batch.catch(() =>
      this.#directory.writeAndSync(name, place.offset, Buffer.alloc(0)),
    );
    await this.#io(Promise.all([zeros, synced]));`,
      },
    ],
    catchers: ["acknowledged means durable", "committed never changes"],
  },
];
