import { term } from "@stele/shared/ids.ts";
import { describe, expect, test } from "vitest";
import { EntriesSeen, type EntrySight } from "./entries-seen.ts";

function sight(index: number, own: number, text: string, previous: number | null): EntrySight {
  const previousTerm = previous === null ? null : term(previous);
  return { index, term: term(own), kind: "command", payload: Buffer.from(text), previousTerm };
}

function watched(): { see: (sight: EntrySight) => void; found: string[] } {
  const found: string[] = [];
  const entries = new EntriesSeen((detail) => found.push(detail));
  return { see: (each) => void entries.see(each, () => "a test shows it"), found };
}

describe("index and term", () => {
  test("name one payload behind one entry, wherever it is seen", () => {
    const { see, found } = watched();
    see(sight(9, 2, "a", 1));
    see(sight(9, 2, "a", null));
    see(sight(9, 2, "a", 1));
    expect(found).toEqual([]);
  });

  test("do not say what stands at the index in another term", () => {
    const { see, found } = watched();
    see(sight(9, 2, "a", 1));
    see(sight(9, 3, "b", 2));
    see(sight(9, 2, "a", 1));
    expect(found).toEqual([]);
  });

  test("never name two payloads", () => {
    const { see, found } = watched();
    see(sight(9, 2, "a", 1));
    see(sight(9, 3, "b", 1));
    see(sight(9, 2, "c", 1));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("entry 9 of term 2");
  });

  test("never name entries behind two different ones", () => {
    const { see, found } = watched();
    see(sight(9, 3, "a", null));
    see(sight(9, 3, "a", 2));
    see(sight(9, 3, "a", 1));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("followed one of term 2 before");
  });

  test("never name a command and a config", () => {
    const { see, found } = watched();
    see(sight(9, 3, "a", 1));
    see({ ...sight(9, 3, "a", 1), kind: "config" });
    expect(found).toHaveLength(1);
  });
});
