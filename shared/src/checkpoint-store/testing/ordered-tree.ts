/**
 * An immutable ordered map from bytes to bytes: a B+tree whose edits copy the path they touch. Every
 * version stays readable for as long as someone holds it, so a snapshot is a reference.
 *
 * T1. Keys are unique and ascend bytewise within a leaf and from leaf to leaf.
 * T2. For i > 0, `floors[i]` is a lower bound of child i and above every key of child i - 1; smaller
 *     keys go to child 0, so `floors[0]` bounds nothing.
 * T3. `bytes` is the sum of the lengths of all keys and values below.
 * T4. A node is changed in place only by the edit that made it.
 */
import { assert, must } from "../../assert.ts";
import type { StoreRange } from "../checkpoint-store.ts";

/** Small: each batch copies the nodes on its paths, and a simulation's trees are not deep. */
const WIDTH = 16;

interface Leaf {
  readonly kind: "leaf";
  readonly edit: TreeEdit | null;
  readonly keys: Buffer[];
  readonly values: Buffer[];
  bytes: number;
}

interface Branch {
  readonly kind: "branch";
  readonly edit: TreeEdit | null;
  readonly floors: Buffer[];
  readonly children: Node[];
  bytes: number;
}

type Node = Leaf | Branch;

const EMPTY_LEAF: Node = { kind: "leaf", edit: null, keys: [], values: [], bytes: 0 };

export class OrderedTree {
  readonly #root: Node;

  constructor(root: Node = EMPTY_LEAF) {
    this.#root = root;
  }

  get(key: Buffer): Buffer | undefined {
    let node = this.#root;
    while (node.kind === "branch") node = childAt(node, childOf(node, key));
    const at = lowerBound(node.keys, key);
    return node.keys[at]?.equals(key) ? node.values[at] : undefined;
  }

  /** A new version is made by `edit`; this one stays as it is. */
  edit(): TreeEdit {
    return new TreeEdit(this.#root);
  }

  /** Visits the entries of the range in its direction until `visit` answers false. */
  scan(range: StoreRange, visit: (key: Buffer, value: Buffer) => boolean): void {
    if (range.start.compare(range.end) >= 0) return;
    if (range.reverse) scanDown(this.#root, range, visit);
    else scanUp(this.#root, range, visit);
  }

  /** Lengths of all keys and values in [start, end); reads only the nodes at the two bounds. */
  bytesIn(start: Buffer, end: Buffer): number {
    return Math.max(0, bytesBelow(this.#root, end) - bytesBelow(this.#root, start));
  }

  /** Throws unless T1 to T3 hold. Reads everything. */
  checkInvariants(): void {
    checkNode(this.#root, null, null);
  }
}

/** Collects changes on top of one version, invisible to its readers. */
export class TreeEdit {
  #root: Node;
  #finished = false;

  constructor(root: Node) {
    this.#root = root;
  }

  /** Keeps the buffers. */
  put(key: Buffer, value: Buffer): void {
    assert(!this.#finished, "an edit is used once");
    const root = this.#own(this.#root);
    const right = this.#put(root, key, value);
    this.#root = right === null ? root : this.#branch([root, right]);
  }

  delete(key: Buffer): void {
    assert(!this.#finished, "an edit is used once");
    let root = this.#own(this.#root);
    this.#delete(root, key);
    while (root.kind === "branch" && root.children.length <= 1)
      root = root.children[0] ?? EMPTY_LEAF;
    this.#root = root;
  }

  /** Ends the edit. */
  finish(): OrderedTree {
    this.#finished = true;
    return new OrderedTree(this.#root);
  }

  /** The node itself if this edit made it, else a copy that it may change (T4). */
  #own(node: Node): Node {
    if (node.edit === this) return node;
    const { bytes } = node;
    if (node.kind === "leaf") {
      return { kind: "leaf", edit: this, keys: [...node.keys], values: [...node.values], bytes };
    }
    const { floors, children } = node;
    return { kind: "branch", edit: this, floors: [...floors], children: [...children], bytes };
  }

  #branch(children: Node[]): Branch {
    const floors = children.map(lowestKey);
    const bytes = children.reduce((sum, child) => sum + child.bytes, 0);
    return { kind: "branch", edit: this, floors, children, bytes };
  }

  /** Changes an owned node; returns its new right sibling if it had to be split. */
  #put(node: Node, key: Buffer, value: Buffer): Node | null {
    if (node.kind === "leaf") return this.#putInLeaf(node, key, value);
    const at = childOf(node, key);
    const child = this.#own(childAt(node, at));
    const bytesBefore = child.bytes;
    const right = this.#put(child, key, value);
    node.children[at] = child;
    node.bytes += child.bytes + (right?.bytes ?? 0) - bytesBefore;
    if (right === null) return null;
    node.children.splice(at + 1, 0, right);
    node.floors.splice(at + 1, 0, lowestKey(right));
    if (node.children.length <= WIDTH) return null;
    node.floors.splice(WIDTH / 2);
    const sibling = this.#branch(node.children.splice(WIDTH / 2));
    node.bytes -= sibling.bytes;
    return sibling;
  }

  #putInLeaf(leaf: Leaf, key: Buffer, value: Buffer): Leaf | null {
    const { keys, values } = leaf;
    const at = lowerBound(keys, key);
    if (keys[at]?.equals(key)) {
      leaf.bytes += value.length - must(values[at], "T1").length;
      values[at] = value;
      return null;
    }
    keys.splice(at, 0, key);
    values.splice(at, 0, value);
    leaf.bytes += key.length + value.length;
    if (keys.length <= WIDTH) return null;
    // Keys mostly arrive in order: a full left half wastes less than two half-full ones.
    const half = at === WIDTH ? WIDTH : WIDTH / 2;
    const rightKeys = keys.splice(half);
    const rightValues = values.splice(half);
    const bytes = rightKeys.reduce((sum, each, i) => sum + entryBytes(each, rightValues[i]), 0);
    leaf.bytes -= bytes;
    return { kind: "leaf", edit: this, keys: rightKeys, values: rightValues, bytes };
  }

  /** Changes an owned node; it may be left without entries or children. */
  #delete(node: Node, key: Buffer): void {
    if (node.kind === "leaf") {
      const at = lowerBound(node.keys, key);
      if (!node.keys[at]?.equals(key)) return;
      node.bytes -= entryBytes(key, node.values[at]);
      node.keys.splice(at, 1);
      node.values.splice(at, 1);
      return;
    }
    const at = childOf(node, key);
    const child = this.#own(childAt(node, at));
    const bytesBefore = child.bytes;
    this.#delete(child, key);
    node.bytes += child.bytes - bytesBefore;
    if (isEmpty(child)) {
      node.children.splice(at, 1);
      node.floors.splice(at, 1);
    } else {
      node.children[at] = child;
    }
  }
}

type Visit = (key: Buffer, value: Buffer) => boolean;

/** False: stopped, by the visitor or at the range's end. */
function scanUp(node: Node, range: StoreRange, visit: Visit): boolean {
  if (node.kind === "branch") {
    for (let at = childOf(node, range.start); at < node.children.length; at++) {
      if (!scanUp(childAt(node, at), range, visit)) return false;
    }
    return true;
  }
  for (let at = lowerBound(node.keys, range.start); at < node.keys.length; at++) {
    const key = must(node.keys[at], "T1");
    if (key.compare(range.end) >= 0 || !visit(key, must(node.values[at], "T1"))) return false;
  }
  return true;
}

/** False: stopped, by the visitor or at the range's start. */
function scanDown(node: Node, range: StoreRange, visit: Visit): boolean {
  if (node.kind === "branch") {
    for (let at = childOf(node, range.end); at >= 0; at--) {
      if (!scanDown(childAt(node, at), range, visit)) return false;
    }
    return true;
  }
  for (let at = lowerBound(node.keys, range.end) - 1; at >= 0; at--) {
    const key = must(node.keys[at], "T1");
    if (key.compare(range.start) < 0 || !visit(key, must(node.values[at], "T1"))) return false;
  }
  return true;
}

function bytesBelow(node: Node, bound: Buffer): number {
  if (node.kind === "leaf") {
    const count = lowerBound(node.keys, bound);
    return node.keys
      .slice(0, count)
      .reduce((sum, key, at) => sum + entryBytes(key, node.values[at]), 0);
  }
  const at = childOf(node, bound);
  const whole = node.children.slice(0, at).reduce((sum, child) => sum + child.bytes, 0);
  return whole + bytesBelow(childAt(node, at), bound);
}

/** The child that holds `key` if any does (T2). */
function childOf(branch: Branch, key: Buffer): number {
  const { floors } = branch;
  let low = 0;
  let high = floors.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (compare(must(floors[middle], "T2"), key) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The first position whose key is at or above `key`. */
function lowerBound(keys: readonly Buffer[], key: Buffer): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(must(keys[middle], "T1"), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As `Buffer.compare`, without a call out of JavaScript: keys are short, and most of the time goes here. */
function compare(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function childAt(branch: Branch, at: number): Node {
  return must(branch.children[at], "a branch has children");
}

function lowestKey(node: Node): Buffer {
  return must(node.kind === "leaf" ? node.keys[0] : node.floors[0], "a node is not empty");
}

function isEmpty(node: Node): boolean {
  return (node.kind === "leaf" ? node.keys : node.children).length === 0;
}

function entryBytes(key: Buffer, value: Buffer | undefined): number {
  return key.length + must(value, "T1").length;
}

/** Checks that all keys of `node` are in [floor, ceiling), and T3; null: no bound. */
function checkNode(node: Node, floor: Buffer | null, ceiling: Buffer | null): void {
  const keys = node.kind === "leaf" ? node.keys : node.floors.slice(1);
  for (const [at, key] of keys.entries()) {
    assert(floor === null || floor.compare(key) <= 0, "T2: below its floor");
    assert(ceiling === null || key.compare(ceiling) < 0, "T2: above its ceiling");
    assert(at === 0 || must(keys[at - 1], "T1").compare(key) < 0, "T1: out of order");
  }
  const { bytes } = node;
  if (node.kind === "leaf") {
    assert(bytes === bytesBelowAll(node), "T3: bytes of a leaf");
    return;
  }
  assert(bytes === node.children.reduce((sum, child) => sum + child.bytes, 0), "T3: of a branch");
  for (const [at, child] of node.children.entries()) {
    checkNode(child, at === 0 ? floor : must(keys[at - 1], "T2"), keys[at] ?? ceiling);
  }
}

function bytesBelowAll(leaf: Leaf): number {
  return leaf.keys.reduce((sum, key, at) => sum + entryBytes(key, leaf.values[at]), 0);
}
