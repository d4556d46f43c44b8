/**
 * Delta debugging: the smallest part of a list that still fails. The ddmin of Zeller and Hildebrandt, "Simplifying and
 * Isolating Failure-Inducing Input" (IEEE TSE 2002), section 3.
 */

/**
 * @param fails whether this part of the list, in the order of the list, still fails; the whole list does
 * @returns a part that fails and of which no single item can be left out (1-minimal), if `fails` always tells the same
 */
export async function ddmin<T>(
  items: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (items.length === 0 || (await fails([]))) return [];
  let left = items;
  let parts = 2;
  while (left.length > 1) {
    const chunks = chunksOf(left, parts);
    const chunk = await firstThatFails(chunks, fails);
    if (chunk !== null) {
      left = chunk;
      parts = 2;
      continue;
    }
    // Of two chunks, each is the other's complement.
    const complements = parts === 2 ? [] : chunks.map((_, at) => without(chunks, at));
    const complement = await firstThatFails(complements, fails);
    if (complement !== null) {
      left = complement;
      parts = Math.max(parts - 1, 2);
      continue;
    }
    if (parts >= left.length) break;
    parts = Math.min(2 * parts, left.length);
  }
  return left;
}

async function firstThatFails<T>(
  candidates: readonly (readonly T[])[],
  fails: (part: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | null> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate;
  return null;
}

/** `count` runs of about the same length, none empty. REQUIRES: count <= items.length. */
function chunksOf<T>(items: readonly T[], count: number): (readonly T[])[] {
  return Array.from({ length: count }, (_, at) =>
    items.slice(
      Math.floor((at * items.length) / count),
      Math.floor(((at + 1) * items.length) / count),
    ),
  );
}

function without<T>(chunks: readonly (readonly T[])[], left: number): readonly T[] {
  return chunks.flatMap((chunk, at) => (at === left ? [] : chunk));
}
