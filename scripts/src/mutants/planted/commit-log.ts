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
