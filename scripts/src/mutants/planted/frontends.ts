/** Bugs planted into the front-ends' routing. */
import type { Mutant } from "../mutant.ts";

const ROUTING = "frontend/src/routing";

export const frontendMutants: readonly Mutant[] = [
  {
    name: "A write that is sent again gets a new number",
    number: null,
    edits: [
      {
        file: `${ROUTING}/routed-write.ts`,
        original: "this.#number ??= numbers.take(tabletId);",
        replacement: "this.#number = numbers.take(tabletId);",
      },
    ],
    catchers: ["exactly once", "linearizability"],
  },
  {
    name: "A write without an answer is said to have had no effect",
    number: null,
    edits: [
      {
        file: `${ROUTING}/call-track.ts`,
        original: `return { ...error, applied: this.#attempts === "none" ? "no" : "unknown" };`,
        replacement: `return { ...error, applied: "no" };`,
      },
    ],
    catchers: ["linearizability", "exactly once"],
  },
  {
    name: "The writes of a batch are sent last one first",
    number: null,
    edits: [
      {
        file: `${ROUTING}/write-rows.ts`,
        original: "    return batch;\n",
        replacement: "    return batch.reverse();\n",
      },
    ],
    catchers: ["linearizability"],
  },
  {
    name: "A scan ends where its first tablet does",
    number: null,
    edits: [
      {
        file: `${ROUTING}/scan-tablets.ts`,
        original:
          "this.#goOn(isSame(part.end, rest.end) ? null : { start: part.end, end: rest.end });",
        replacement: "this.#goOn(null);",
      },
    ],
    catchers: ["scan coverage", "linked list", "table contents"],
  },
  {
    name: "The rest of a batch is sent behind a call whose outcome is unknown",
    number: null,
    edits: [
      {
        file: `${ROUTING}/write-rows.ts`,
        original: `      if (result === "failed") {
        this.#failBehind(`,
        replacement: `      if (result === "failed" && done > places.length) {
        this.#failBehind(`,
      },
    ],
    catchers: ["linearizability"],
  },
];
