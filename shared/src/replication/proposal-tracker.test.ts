import { expect, test } from "vitest";
import { InvariantError } from "../assert.ts";
import type { LogIndex, Term } from "../ids.ts";
import { ProposalTracker, type Waiter } from "./proposal-tracker.ts";

const at = (index: number): LogIndex => index as LogIndex;
const term = (value: number): Term => value as Term;

function waiter(told: string[]): Waiter<string> {
  return {
    done: (result) => told.push(`done ${result}`),
    lost: (applied) => told.push(`lost ${applied}`),
  };
}

test("a waiter hears the result of its own entry, once", () => {
  const told: string[] = [];
  const tracker = new ProposalTracker<string>();
  tracker.add(at(5), term(2), waiter(told));
  tracker.applied(at(4), term(2), () => "other");
  tracker.applied(at(5), term(2), () => "own");
  tracker.applied(at(5), term(2), () => "again");
  tracker.abandon();
  expect(told).toEqual(["done own"]);
  expect(tracker.size).toBe(0);
});

test("an entry of another term at its index proves that a proposal never takes effect", () => {
  const told: string[] = [];
  const tracker = new ProposalTracker<string>();
  tracker.add(at(5), term(2), waiter(told));
  tracker.applied(at(5), term(3), () => "foreign");
  expect(told).toEqual(["lost no"]);
});

test("the end of the leadership proves nothing, and nobody waits any more", () => {
  const told: string[] = [];
  const tracker = new ProposalTracker<string>();
  tracker.add(at(5), term(2), waiter(told));
  tracker.add(at(6), term(2), waiter(told));
  tracker.abandon();
  tracker.applied(at(5), term(2), () => "late");
  expect(told).toEqual(["lost unknown", "lost unknown"]);
});

test("a result is not computed when nobody waits for it", () => {
  const tracker = new ProposalTracker<string>();
  tracker.applied(at(1), term(1), () => {
    throw new Error("nobody asked");
  });
  expect(tracker.size).toBe(0);
});

test("two proposals of one leadership never share an index", () => {
  const tracker = new ProposalTracker<string>();
  tracker.add(at(5), term(2), waiter([]));
  expect(() => tracker.add(at(5), term(2), waiter([]))).toThrow(InvariantError);
});
