import { replicaId, term } from "@stele/shared/ids.ts";
import { describe, expect, test } from "vitest";
import { VotePerTerm } from "./vote-per-term.ts";

const A = replicaId(1);
const B = replicaId(2);

function watched(): { votes: VotePerTerm; found: string[] } {
  const found: string[] = [];
  return { votes: new VotePerTerm(replicaId(7), (detail) => found.push(detail)), found };
}

describe("a replica", () => {
  test("may repeat its vote, and vote otherwise in another term", () => {
    const { votes, found } = watched();
    votes.votes(term(3), A, { term: term(3), vote: A });
    votes.votes(term(3), A, { term: term(3), vote: A });
    votes.votes(term(4), B, { term: term(4), vote: B });
    expect(found).toEqual([]);
  });

  test("never votes for two in a term, not even when its disk says so", () => {
    const { votes, found } = watched();
    votes.votes(term(3), A, { term: term(3), vote: A });
    votes.votes(term(3), B, { term: term(3), vote: B });
    expect(found).toEqual(["replica 7 votes in term 3 for 2 after 1"]);
  });

  test("tells its vote only when it is durable, and may know a later term by then", () => {
    const { votes, found } = watched();
    votes.votes(term(3), A, { term: term(5), vote: null });
    expect(found).toEqual([]);
    votes.votes(term(6), A, { term: term(6), vote: null });
    votes.votes(term(7), A, { term: term(6), vote: A });
    expect(found).toHaveLength(2);
  });

  test("speaks in no term that its disk does not know", () => {
    const { votes, found } = watched();
    votes.says(term(3), { term: term(3), vote: null });
    expect(found).toEqual([]);
    votes.says(term(4), { term: term(3), vote: null });
    expect(found).toHaveLength(1);
  });

  test("does not go back behind a term of its former life", () => {
    const { votes, found } = watched();
    const durable = { term: term(9), vote: null };
    votes.says(term(6), durable);
    votes.says(term(5), durable);
    votes.restarted();
    votes.says(term(6), durable);
    expect(found).toEqual([]);
    votes.says(term(5), durable);
    expect(found).toHaveLength(1);
  });
});
