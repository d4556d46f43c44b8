/**
 * The linked-list test of loss, after HBase's IntegrationTestBigLinkedList: rows are nodes that refer to
 * other rows. A node refers only to nodes whose writes were acknowledged before it was written, so a scan
 * that shows a reference without what it refers to shows a loss.
 *
 * K1. A node is written once, never changed, never deleted.
 * K2. One map of all nodes is held: about 100 bytes a node.
 */
import { assert } from "@stele/shared/assert.ts";

export interface ListNode {
  readonly key: string;
  /** Null: the end of a list. */
  readonly next: string | null;
}

export interface LinkedListReport {
  readonly scanned: number;
  /** References to nodes that the scan did not show. */
  readonly undefinedReferences: readonly { readonly from: string; readonly to: string }[];
  /** Acknowledged nodes that the scan did not show. */
  readonly lost: readonly string[];
  /** Shown, but not as anybody tried to write them; or twice. */
  readonly wrong: readonly ListNode[];
}

interface WrittenNode {
  readonly next: string | null;
  state: "attempted" | "acknowledged";
}

export class LinkedList {
  readonly #nodes = new Map<string, WrittenNode>();

  /** Before the write is sent; what happens to it may stay unknown. */
  attempt({ key, next }: ListNode): void {
    assert(!this.#nodes.has(key), () => `node ${key} is written twice`);
    assert(
      next === null || this.#nodes.get(next)?.state === "acknowledged",
      () => `node ${key} refers to ${next}, which is not acknowledged`,
    );
    this.#nodes.set(key, { next, state: "attempted" });
  }

  acknowledge(key: string): void {
    const node = this.#nodes.get(key);
    assert(node !== undefined, () => `node ${key} was never attempted`);
    node.state = "acknowledged";
  }

  /** @param scanned all rows, of a scan that began after the last acknowledgement */
  report(scanned: Iterable<ListNode>): LinkedListReport {
    const shown = new Map<string, string | null>();
    const wrong: ListNode[] = [];
    for (const { key, next } of scanned) {
      const written = this.#nodes.get(key);
      if (written === undefined || written.next !== next || shown.has(key)) {
        wrong.push({ key, next });
      }
      shown.set(key, next);
    }
    const undefinedReferences: { from: string; to: string }[] = [];
    for (const [from, to] of shown) {
      if (to !== null && !shown.has(to)) undefinedReferences.push({ from, to });
    }
    const lost: string[] = [];
    for (const [key, { state }] of this.#nodes) {
      if (state === "acknowledged" && !shown.has(key)) lost.push(key);
    }
    return { scanned: shown.size, undefinedReferences, lost, wrong };
  }
}

/** Nothing is lost and nothing is wrong. */
export function isWhole({ undefinedReferences, lost, wrong }: LinkedListReport): boolean {
  return undefinedReferences.length === 0 && lost.length === 0 && wrong.length === 0;
}
