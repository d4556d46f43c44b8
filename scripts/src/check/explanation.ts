/**
 * Why a history is not linearizable, as text for people: the object, how far an order could be found, the
 * state there, what cannot come next, and all of it on a line of time. Operations go by their lines.
 */
import { must } from "@stele/shared/assert.ts";
import { counted } from "../cli/counted.ts";
import type { Violation } from "./linearizability.ts";
import { lineNumbers } from "./line-numbers.ts";
import type { HistoryOperation, Model } from "./model.ts";
import { quotedName } from "./row-name.ts";
import type { Furthest } from "./search.ts";
import { timeline } from "./timeline.ts";
import type { TimelineRow } from "./timeline.ts";

/** So many of the placed operations are shown, the last ones. */
const PLACED_SHOWN = 8;
const STUCK_SHOWN = 20;

export function explainViolation<State extends NonNullable<unknown>, Input, Output>(
  model: Model<State, Input, Output, never>,
  { partition, operations, furthest, contradictions }: Violation<Input, Output>,
): string {
  const lines = [
    `Not linearizable: ${quotedName(partition)}, ${counted(operations.length, "operation")}.`,
  ];
  for (const contradiction of contradictions) lines.push("", `Contradiction: ${contradiction}.`);
  if (furthest !== null) {
    lines.push("", ...new Explanation(model, operations, furthest).lines());
  }
  return `${lines.join("\n")}\n`;
}

class Explanation<State extends NonNullable<unknown>, Input, Output> {
  readonly #model: Model<State, Input, Output, never>;
  readonly #operations: readonly HistoryOperation<Input, Output>[];
  readonly #furthest: Furthest;

  constructor(
    model: Model<State, Input, Output, never>,
    operations: readonly HistoryOperation<Input, Output>[],
    furthest: Furthest,
  ) {
    this.#model = model;
    this.#operations = operations;
    this.#furthest = furthest;
  }

  lines(): string[] {
    const { placed } = this.#furthest;
    const answered = this.#operations.filter(({ outcome }) => outcome !== null).length;
    const fitting = placed.filter((at) => this.#operation(at).outcome !== null).length;
    return [
      `The longest order that fits places ${fitting} of ${answered} answered operations. Its end:`,
      ...this.#placedLines(),
      "Nothing leads on from there. What overlaps, and cannot come next or does not help:",
      ...this.#stuckLines(),
      "",
      "By time (ms); + placed, ! cannot come next, ? no answer:",
      ...timeline(this.#timelineRows()),
    ];
  }

  #placedLines(): string[] {
    const { placed } = this.#furthest;
    let state = this.#model.initial();
    const lines: string[] = [];
    placed.forEach((at, place) => {
      const { input, outcome } = this.#operation(at);
      const after = this.#model.step(state, input, outcome?.output ?? null);
      state = must(after, "the placed operations were placed once");
      if (place < placed.length - PLACED_SHOWN) return;
      lines.push(`  + ${this.#text(at)}`, `      now ${this.#model.describeState(state)}`);
    });
    const hidden = placed.length - PLACED_SHOWN;
    const before = hidden > 0 ? [`  (${hidden} before)`] : [];
    if (placed.length === 0) lines.push(`  nothing; at first ${this.#model.describeState(state)}`);
    return [...before, ...lines];
  }

  #stuckLines(): string[] {
    const { stuck } = this.#furthest;
    const answered = stuck.filter((at) => this.#operation(at).outcome !== null);
    const open = stuck.filter((at) => this.#operation(at).outcome === null);
    const shown = [...answered, ...open].slice(0, STUCK_SHOWN);
    const hidden = stuck.length - shown.length;
    const more = hidden > 0 ? [`  (${hidden} more)`] : [];
    return [...shown.map((at) => `  ${this.#mark(at)} ${this.#text(at)}`), ...more];
  }

  #timelineRows(): TimelineRow[] {
    const { placed, stuck } = this.#furthest;
    const shown = new Set([...placed.slice(-PLACED_SHOWN), ...stuck.slice(0, STUCK_SHOWN)]);
    return [...shown]
      .sort((a, b) => a - b)
      .map((at) => {
        const { call, outcome } = this.#operation(at);
        return { label: `${this.#mark(at)} ${this.#place(at)}`, call, end: outcome?.at ?? null };
      });
  }

  #mark(at: number): string {
    if (this.#furthest.placed.includes(at)) return "+";
    return this.#operation(at).outcome === null ? "?" : "!";
  }

  #text(at: number): string {
    const { input, outcome } = this.#operation(at);
    const what = this.#model.describeOperation(input, outcome?.output ?? null);
    return `${this.#place(at)}: ${what}`;
  }

  #place(at: number): string {
    const { client, lines } = this.#operation(at);
    return `${lineNumbers(lines)} of ${client}`;
  }

  #operation(at: number): HistoryOperation<Input, Output> {
    return must(this.#operations[at], "an operation of the violation");
  }
}
