/**
 * A planted bug: a small patch to the product's sources, as somebody might write it by mistake. It is applied
 * to a copy of the sources only; nothing in the product can switch it on.
 *
 * U1. The original of every edit occurs exactly once in its file, so a patch that no longer fits is found out.
 * U2. The bug must be caught by a checker of the simulation, or break a run or keep it from ending, which the simulation
 *     reports as well. The expected checkers are named, but any counts.
 */
import type { CheckerName } from "../check/checker-name.ts";

export interface Edit {
  /** Path from the checkout's root, with forward slashes. */
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
}

export interface Mutant {
  /** The bug as a sentence; unique. */
  readonly name: string;
  /** In the list of bugs that every such system must be tested against (docs/TESTING.md); null: one of our own. */
  readonly number: number | null;
  /** One, unless a second guard stands behind the first. */
  readonly edits: readonly [Edit, ...Edit[]];
  /** Likeliest first. */
  readonly catchers: readonly [CheckerName, ...CheckerName[]];
}

/** The edit does not fit the sources any more. */
export class MisfitError extends Error {
  override readonly name = "MisfitError";
}

/** The file with the edit made. Throws `MisfitError` (U1). */
export function edited(text: string, { file, original, replacement }: Edit): string {
  const at = text.indexOf(original);
  if (at === -1) throw new MisfitError(`${file} does not contain:\n${original}`);
  if (text.includes(original, at + 1)) {
    throw new MisfitError(`${file} contains more than once:\n${original}`);
  }
  return text.slice(0, at) + replacement + text.slice(at + original.length);
}
