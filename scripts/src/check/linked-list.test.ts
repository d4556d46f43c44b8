import { describe, expect, test } from "vitest";
import { isWhole, LinkedList } from "./linked-list.ts";
import type { ListNode } from "./linked-list.ts";

/** a <- b <- c, all acknowledged, and d of unknown outcome, which refers to c. */
function list(): LinkedList {
  const nodes = new LinkedList();
  for (const node of [link("a", null), link("b", "a"), link("c", "b")]) {
    nodes.attempt(node);
    nodes.acknowledge(node.key);
  }
  nodes.attempt(link("d", "c"));
  return nodes;
}

function link(key: string, next: string | null): ListNode {
  return { key, next };
}

const all = [link("a", null), link("b", "a"), link("c", "b")];

describe("the linked list", () => {
  test("is whole with or without nodes of unknown outcome", () => {
    expect(isWhole(list().report(all))).toBe(true);
    const report = list().report([...all, link("d", "c")]);
    expect(report).toEqual({ scanned: 4, undefinedReferences: [], lost: [], wrong: [] });
  });

  test("shows a lost node by the reference to it", () => {
    const report = list().report([link("a", null), link("c", "b")]);
    expect(report.undefinedReferences).toEqual([{ from: "c", to: "b" }]);
    expect(report.lost).toEqual(["b"]);
    expect(isWhole(report)).toBe(false);
  });

  test("shows a lost node that nothing refers to", () => {
    expect(list().report(all.slice(0, 2)).lost).toEqual(["c"]);
  });

  test("shows nodes that were never written so, or come twice", () => {
    const wrong = [link("x", null), link("b", "x"), link("a", null)];
    expect(list().report([...all.filter(({ key }) => key !== "b"), ...wrong]).wrong).toEqual(wrong);
  });

  test("lets no node refer to one that is not acknowledged", () => {
    expect(() => list().attempt(link("e", "d"))).toThrow("not acknowledged");
    expect(() => list().attempt(link("e", "f"))).toThrow("not acknowledged");
    expect(() => list().attempt(link("a", null))).toThrow("twice");
  });
});
