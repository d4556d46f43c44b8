// Imports that lead back to where they began, types included. Pure: all sources in, violations out.
//
// 1. No file needs itself by way of others.
// 2. Nor does a folder of a server's package, except that it may import from the folders that it lies in, and
//    from those that lie in it: parts may know the whole's model, and the whole its parts.
// Tests and what only they use may import anything.
import { posix } from "node:path";
import { importsOf } from "./imports-of.ts";
import type { Violation } from "./source-rules.ts";

export interface SourceText {
  /** Relative to the checkout, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly path: string;
  readonly line: number;
}

const product = /^(shared|master|tablet-server|frontend)\/src\//;
const forTests = /\.(test|bench)\.ts$|\/testing\//;

export function importCycles(sources: readonly SourceText[]): Violation[] {
  const edges = sources
    .filter(({ path }) => product.test(path) && !forTests.test(path))
    .flatMap(edgesOf);
  const files = cyclesOf(edges).map(({ path, line, to }) => {
    return { path, line, message: `${to} needs this file: an import cycle` };
  });
  const folders = cyclesOf(edges.map(folderEdge).filter(isBetweenParts)).map(
    ({ path, line, from, to }) => {
      return { path, line, message: `folder ${to} needs folder ${from}: an import cycle` };
    },
  );
  return [...files, ...folders];
}

function edgesOf({ path, text }: SourceText): Edge[] {
  return importsOf(text).flatMap(({ specifier, line }) => {
    if (!specifier.startsWith(".")) return [];
    const to = posix.join(posix.dirname(path), specifier);
    return [{ from: path, to, path, line }];
  });
}

function folderEdge(edge: Edge): Edge {
  return { ...edge, from: posix.dirname(edge.from), to: posix.dirname(edge.to) };
}

function isBetweenParts({ from, to }: Edge): boolean {
  return !`${from}/`.startsWith(`${to}/`) && !`${to}/`.startsWith(`${from}/`);
}

/** The edges that lie on a cycle. */
function cyclesOf(edges: readonly Edge[]): Edge[] {
  const targets = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    const known = targets.get(from);
    if (known === undefined) targets.set(from, new Set([to]));
    else known.add(to);
  }
  const reached = new Map<string, ReadonlySet<string>>();
  return edges.filter(({ from, to }) => {
    const found = reached.get(to) ?? reachedFrom(to, targets);
    reached.set(to, found);
    return found.has(from);
  });
}

/** `start` and all that it needs. */
function reachedFrom(
  start: string,
  targets: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const found = new Set([start]);
  // A set is walked to its end as it grows.
  for (const each of found) for (const next of targets.get(each) ?? []) found.add(next);
  return found;
}
