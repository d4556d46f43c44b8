import { logIndex, replicaId, term, type LogIndex, type Term } from "@stele/shared/ids.ts";
import type { CommittedCommand } from "@stele/shared/replication/state-machine.ts";
import { describe, expect, test } from "vitest";
import { AppliedSequence, type LeaderLog } from "./applied-sequence.ts";

const A = replicaId(1);
const B = replicaId(2);

function command(index: number, own: number, text: string): CommittedCommand {
  return { index: logIndex(index), term: term(own), payload: Buffer.from(text) };
}

function log(first: number, terms: readonly number[]): LeaderLog {
  const lastIndex = logIndex(first + terms.length - 1);
  const termOf = (index: LogIndex): Term | undefined => terms[index - first] as Term | undefined;
  return { lastIndex, termOf };
}

function watched(): { sequence: AppliedSequence; found: string[] } {
  const found: string[] = [];
  return { sequence: new AppliedSequence((detail) => found.push(detail)), found };
}

describe("what is applied", () => {
  test("is the same on every replica and in a replay", () => {
    const { sequence, found } = watched();
    expect(sequence.applies(A, logIndex(1), command(3, 2, "a"))).toBe(true);
    expect(sequence.applies(B, logIndex(2), command(3, 2, "a"))).toBe(false);
    sequence.applies(A, logIndex(3), command(4, 2, "b"));
    sequence.applies(A, logIndex(2), command(3, 2, "a"));
    expect(found).toEqual([]);
  });

  test.each([
    ["another payload", command(3, 2, "b")],
    ["another term", command(3, 4, "a")],
  ])("never becomes %s", (_, other) => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.applies(B, logIndex(1), other);
    expect(found).toHaveLength(1);
  });

  test("is left out by nobody, whoever comes first", () => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.applies(A, logIndex(3), command(5, 2, "b"));
    sequence.applies(B, logIndex(1), command(5, 2, "b"));
    expect(found).toEqual(["replica 2 goes from index 1 to 5, past command 3"]);
    sequence.applies(B, logIndex(3), command(4, 2, "c"));
    expect(found[1]).toContain("which another passed without one");
  });

  test("is applied once in a replica's life", () => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.applies(A, logIndex(3), command(3, 2, "a"));
    expect(found).toEqual(["replica 1 applies index 3 again, having applied 3"]);
  });

  test("agrees with the term of a snapshot behind it", () => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.restores(B, logIndex(3), term(2));
    sequence.restores(B, logIndex(4), term(7));
    expect(found).toEqual([]);
    sequence.restores(B, logIndex(3), term(3));
    expect(found).toHaveLength(1);
  });
});

describe("a leader", () => {
  test("has what was applied before its term, in its log or compacted", () => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.reached(logIndex(3), term(2));
    sequence.leads(B, term(3), log(2, [1, 2, 3]));
    sequence.leads(A, term(4), log(5, [3, 4]));
    expect(found).toEqual([]);
  });

  test("of a later term lacks nothing, and has nothing else in its place", () => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.reached(logIndex(3), term(2));
    sequence.leads(B, term(3), log(1, [1, 1]));
    expect(found[0]).toContain("a log that ends at 2; index 3 was applied by replica 1");
    sequence.leads(B, term(4), log(1, [1, 1, 1, 4]));
    expect(found[1]).toContain("an entry of term 1 at index 3");
  });

  test("of an older term need not know what was committed since", () => {
    const { sequence, found } = watched();
    sequence.applies(A, logIndex(1), command(3, 2, "a"));
    sequence.reached(logIndex(3), term(5));
    sequence.leads(B, term(4), log(1, [1, 1]));
    expect(found).toEqual([]);
  });
});
