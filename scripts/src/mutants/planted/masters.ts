/** Bugs planted into the masters. */
import type { Mutant } from "../mutant.ts";

const MASTER = "master/src";

export const masterMutants: readonly Mutant[] = [
  {
    name: "A restarted master gives out the same ids again",
    number: 15,
    edits: [
      {
        file: `${MASTER}/catalog/catalog-machine.ts`,
        original: "this.#state = { ...this.#state, counters: this.catalog.counters };",
        replacement: "",
      },
    ],
    catchers: ["ranges tile the key space", "equal state at equal index", "process failed"],
  },
  {
    name: "The catalog believes a config that is not committed",
    number: null,
    edits: [
      {
        file: `${MASTER}/plan/follow-reports.ts`,
        original: "if (!counts || replica.configIndex > replica.commit) continue;",
        replacement: "if (!counts) continue;",
      },
    ],
    catchers: ["acknowledged means durable", "liveness", "process failed"],
  },
];
