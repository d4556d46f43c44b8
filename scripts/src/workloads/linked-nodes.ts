/** Writes the nodes of `check/linked-list.ts`: each refers to one that was acknowledged before, often the newest. */
import { must } from "@stele/shared/assert.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ScannedOutcome } from "../check/history/row-operation.ts";
import { LinkedList } from "../check/linked-list.ts";
import type { LinkedListReport, ListNode } from "../check/linked-list.ts";
import type { Closing } from "./closing.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { RowWorkloadParts } from "./registers.ts";
import type { Caller, Mark, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, write } from "./writes.ts";

export const NODE_PREFIX = "n";

const REGION = { start: `${NODE_PREFIX}/`, end: `${NODE_PREFIX}0` };
/** Of a problem, so many of each kind are told. */
const SHOWN = 5;

export class LinkedNodes implements Workload {
  readonly #table: RecordedTable;
  readonly #random: Random;
  readonly #mark: Mark;
  readonly #list = new LinkedList();
  readonly #acknowledged: string[] = [];
  readonly #problems: WorkloadProblem[] = [];
  #nodes = 0;

  constructor({ table, random, mark }: RowWorkloadParts) {
    this.#table = table;
    this.#random = random;
    this.#mark = mark;
  }

  async step(caller: Caller): Promise<void> {
    const node = { key: this.#freshKey(), next: this.#referred() };
    this.#list.attempt(node);
    const value = JSON.stringify(node.next ?? "");
    const mutation = { kind: "set", column: COLUMNS.value, value } as const;
    const answer = await this.#table.write(caller, write(node.key, [mutation]), null);
    if (answer?.kind !== "written") return;
    this.#list.acknowledge(node.key);
    this.#acknowledged.push(node.key);
    this.#mark("list node acknowledged");
  }

  async finish(closing: Closing): Promise<void> {
    const rows = await closing.rowsOf(this.#table, { ...REGION, reverse: false });
    if (rows !== null) this.#judge(this.#list.report(rows.map(nodeOf)));
  }

  problems(): readonly WorkloadProblem[] {
    return this.#problems;
  }

  #judge({ undefinedReferences, lost, wrong }: LinkedListReport): void {
    this.#tell("lost", lost);
    this.#tell(
      "shown, but not as written",
      wrong.map(({ key, next }) => `${key} -> ${next}`),
    );
    this.#tell(
      "undefined references",
      undefinedReferences.map(({ from, to }) => `${from} -> ${to}`),
    );
  }

  #tell(what: string, nodes: readonly string[]): void {
    if (nodes.length === 0) return;
    const shown = nodes.slice(0, SHOWN).join(", ");
    const detail = `${this.#table.name}: ${nodes.length} ${what}, such as ${shown}`;
    this.#problems.push({ checker: "linked list", detail });
  }

  /** Spread over the region, so that what a node refers to lies in any tablet. */
  #freshKey(): string {
    const place = this.#random.below(16).toString(16);
    return `${NODE_PREFIX}/${place}${this.#nodes++}`;
  }

  #referred(): string | null {
    const count = this.#acknowledged.length;
    if (count === 0) return null;
    const at = this.#random.below(2) === 0 ? count - 1 : this.#random.below(count);
    return must(this.#acknowledged[at], "an acknowledged node");
  }
}

function nodeOf({ key, columns }: ScannedOutcome["rows"][number]): ListNode {
  const next = JSON.parse(columns?.get(COLUMNS.value) ?? '""') as string;
  return { key, next: next === "" ? null : next };
}
