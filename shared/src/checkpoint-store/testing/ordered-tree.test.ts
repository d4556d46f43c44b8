import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../../random.ts";
import { OrderedTree } from "./ordered-tree.ts";
import type { TreeEdit } from "./ordered-tree.ts";

type Change = { readonly key: string; readonly value: string | null };

// Few distinct keys, so that changes meet; latin-1 strings compare as their bytes do.
const key = fc.integer({ min: 0, max: 4000 }).map((number) => `k${number}`);
const value = fc.option(fc.string({ unit: "binary-ascii", maxLength: 5 }), { nil: null, freq: 2 });
const versions = fc.array(fc.array(fc.record({ key, value }), { maxLength: 300 }), {
  maxLength: 6,
});

function changed(tree: OrderedTree, changes: readonly Change[]): OrderedTree {
  const edit = tree.edit();
  for (const change of changes) {
    if (change.value === null) edit.delete(Buffer.from(change.key));
    else edit.put(Buffer.from(change.key), Buffer.from(change.value));
  }
  return edit.finish();
}

function entriesIn(tree: OrderedTree, start: string, end: string, reverse: boolean): string[][] {
  const found: string[][] = [];
  tree.scan({ start: Buffer.from(start), end: Buffer.from(end), reverse }, (key, value) => {
    found.push([key.toString(), value.toString()]);
    return true;
  });
  return found;
}

test("every version of a tree equals the sorted map it was made like", () => {
  const property = fc.property(versions, key, key, fc.boolean(), (all, start, end, reverse) => {
    let tree = new OrderedTree();
    const map = new Map<string, string>();
    const history: { tree: OrderedTree; map: Map<string, string> }[] = [];
    for (const changes of all) {
      tree = changed(tree, changes);
      for (const change of changes) {
        if (change.value === null) map.delete(change.key);
        else map.set(change.key, change.value);
      }
      history.push({ tree, map: new Map(map) });
    }
    for (const version of history) {
      version.tree.checkInvariants();
      const inRange = [...version.map].filter(([each]) => each >= start && each < end);
      inRange.sort(([a], [b]) => (a < b ? -1 : 1));
      const bytes = inRange.reduce((sum, [k, v]) => sum + k.length + v.length, 0);
      expect(version.tree.bytesIn(Buffer.from(start), Buffer.from(end))).toBe(bytes);
      if (reverse) inRange.reverse();
      expect(entriesIn(version.tree, start, end, reverse)).toEqual(inRange);
      expect(version.tree.get(Buffer.from(start))?.toString()).toBe(version.map.get(start));
    }
  });
  fc.assert(property, { numRuns: 60 });
});

test("a visitor ends the scan", () => {
  const tree = changed(
    new OrderedTree(),
    Array.from({ length: 500 }, (_, number) => ({ key: `k${number}`, value: "v" })),
  );
  let visits = 0;
  const range = { start: Buffer.from("k"), end: Buffer.from("l"), reverse: true };
  tree.scan(range, () => ++visits < 100);
  expect(visits).toBe(100);
});

test("tens of thousands of keys come and go", () => {
  const random = new SeededRandom(1);
  const keys = Array.from({ length: 30_000 }, () => random.bytes(8));
  const bounds = [Buffer.alloc(1), Buffer.alloc(9, 0xff)] as const;
  const inBatches = (tree: OrderedTree, change: (edit: TreeEdit, key: Buffer) => void) => {
    let version = tree;
    for (let at = 0; at < keys.length; at += 50) {
      const edit = version.edit();
      for (const each of keys.slice(at, at + 50)) change(edit, each);
      version = edit.finish();
    }
    return version;
  };
  const full = inBatches(new OrderedTree(), (edit, each) => edit.put(each, each));
  full.checkInvariants();
  expect(full.bytesIn(...bounds)).toBe(16 * keys.length);
  const empty = inBatches(full, (edit, each) => edit.delete(each));
  empty.checkInvariants();
  expect(empty.bytesIn(...bounds)).toBe(0);
  expect(full.bytesIn(...bounds)).toBe(16 * keys.length);
});
