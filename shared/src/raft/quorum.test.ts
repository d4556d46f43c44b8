// Quorums against a second, naive implementation that counts instead of sorting.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isQuorum, quorumValue, quorumVote } from "./quorum.ts";
import { configOf, id } from "./testing/core-host.ts";

const someReplicas = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 });
const maybeReplicas = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const values = fc.array(fc.nat(5), { minLength: 10, maxLength: 10 });

/** The highest value that more than half of each half have reached, by trying each. */
function naiveValue(halves: readonly number[][], valueOf: (replica: number) => number): number {
  const reached = (value: number): boolean =>
    halves.every((half) => {
      const count = half.filter((replica) => valueOf(replica) >= value).length;
      return half.length === 0 || count * 2 > half.length;
    });
  return [5, 4, 3, 2, 1, 0].find(reached) ?? -1;
}

describe("a quorum", () => {
  test("has reached what more than half of each half has reached", () => {
    fc.assert(
      fc.property(someReplicas, maybeReplicas, values, (voters, outgoing, of) => {
        const valueOf = (replica: number): number => of[replica] ?? 0;
        const config = configOf(voters, [], outgoing);
        expect(quorumValue(config, valueOf)).toBe(naiveValue([voters, outgoing], valueOf));
      }),
    );
  });

  test("is there exactly if those for whom something holds are a majority of each half", () => {
    fc.assert(
      fc.property(someReplicas, maybeReplicas, maybeReplicas, (voters, outgoing, active) => {
        const holds = (replica: number): boolean => active.includes(replica);
        const naive = naiveValue([voters, outgoing], (replica) => (holds(replica) ? 1 : 0)) === 1;
        expect(isQuorum(configOf(voters, [], outgoing), holds)).toBe(naive);
      }),
    );
  });

  test("is won or lost once no further answer can change it, and pending before", () => {
    const ballots = fc.array(fc.constantFrom(true, false, undefined), {
      minLength: 10,
      maxLength: 10,
    });
    fc.assert(
      fc.property(someReplicas, maybeReplicas, ballots, (voters, outgoing, of) => {
        const votes = new Map(
          of.flatMap((vote, at) => (vote === undefined ? [] : [[id(at), vote]])),
        );
        const wins = (missing: boolean): boolean =>
          naiveValue([voters, outgoing], (replica) => ((of[replica] ?? missing) ? 1 : 0)) === 1;
        const expected = wins(false) ? "won" : wins(true) ? "pending" : "lost";
        expect(quorumVote(configOf(voters, [], outgoing), votes)).toBe(expected);
      }),
    );
  });

  test("never counts a learner", () => {
    const config = configOf([1, 2, 3], [4, 5]);
    expect(isQuorum(config, (replica) => [1, 4, 5].includes(replica))).toBe(false);
  });
});
