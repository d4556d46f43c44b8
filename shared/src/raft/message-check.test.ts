import fc from "fast-check";
import { expect, test } from "vitest";
import { logIndex, term } from "../ids.ts";
import type { LogIndex, ReplicaId, Term } from "../ids.ts";
import { isWellFormed } from "./message-check.ts";
import type { RaftMessage } from "./messages.ts";
import { configOf, entry, id } from "./testing/core-host.ts";
import { append, core, heartbeat, vote } from "./testing/single-core.ts";

const host = core({ log: [1, 1], term: 3 });
const good = append(host, {
  prevIndex: logIndex(2),
  prevTerm: term(1),
  entries: [entry(3, 2), entry(4, 3, "x")],
});

test.each([
  { what: "another receiver", message: { ...good, to: id(9) } },
  { what: "itself as sender", message: { ...good, from: id(1) } },
  { what: "the highest term", message: { ...good, term: Number.MAX_SAFE_INTEGER as Term } },
  { what: "a term above 2^53", message: { ...good, term: (2 ** 60) as Term } },
  { what: "a negative term", message: { ...good, term: -1 as Term } },
  { what: "a hole in its entries", message: { ...good, entries: [entry(4, 3)] } },
  { what: "terms that fall", message: { ...good, entries: [entry(3, 3), entry(4, 2)] } },
  { what: "an entry of a later term", message: { ...good, entries: [entry(3, 4)] } },
  { what: "a previous term above its own", message: { ...good, prevTerm: term(4) } },
  { what: "a commit that is no index", message: { ...good, commit: 1.5 as LogIndex } },
  {
    what: "a config that does not decode",
    message: { ...good, entries: [{ ...entry(3, 3, "junk"), kind: "config" as const }] },
  },
  { what: "a last term at its own", message: vote(host, { lastTerm: term(3), term: term(3) }) },
  { what: "a round that is no number", message: heartbeat(host, { round: Number.NaN }) },
])("a message with $what is counted and changes nothing", ({ message }) => {
  const fresh = core({ log: [1, 1], term: 3 });
  const before = fresh.raft.status();
  fresh.raft.step(message);
  expect(fresh.raft.status()).toEqual({ ...before, malformedMessages: 1 });
  expect(fresh.raft.hasReady()).toBe(false);
});

test("a sound append passes", () => {
  expect(isWellFormed(good, id(1))).toBe(true);
});

test("a snapshot must carry a config that is no newer than itself", () => {
  const envelope = { kind: "snapshot", from: id(2), to: id(1), term: term(3) } as const;
  const position = { index: logIndex(5), indexTerm: term(3), configIndex: logIndex(5) };
  const offer = { ...envelope, ...position, config: configOf([1, 2]) };
  expect(isWellFormed(offer, id(1))).toBe(true);
  expect(isWellFormed({ ...offer, configIndex: logIndex(6) }, id(1))).toBe(false);
  expect(isWellFormed({ ...offer, config: configOf([]) }, id(1))).toBe(false);
  expect(isWellFormed({ ...offer, indexTerm: term(4) }, id(1))).toBe(false);
  expect(isWellFormed({ ...offer, index: logIndex(0), configIndex: logIndex(0) }, id(1))).toBe(
    false,
  );
});

test("whatever numbers a message holds, a core takes it or drops it, and stays sound", () => {
  const number = fc.oneof(fc.integer({ min: -2, max: 6 }), fc.double(), fc.maxSafeInteger());
  const message = fc
    .record({
      kind: fc.constantFrom("pre-vote", "vote", "pre-vote-reply", "vote-reply", "append-reply"),
      from: fc.integer({ min: 0, max: 5 }).map((value) => value as ReplicaId),
      to: fc.constant(id(1)),
      term: number,
      lastIndex: number,
      lastTerm: number,
      transfer: fc.boolean(),
      granted: fc.boolean(),
      outcome: fc.oneof(
        fc.record({ kind: fc.constant("accepted"), match: number }),
        fc.record({
          kind: fc.constant("rejected"),
          prevIndex: number,
          hintIndex: number,
          hintTerm: number,
        }),
      ),
    })
    .map((fields) => fields as unknown as RaftMessage);
  const step = fc.oneof(message, fc.constant("tick"), fc.constant("campaign"));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const { raft, settle } = startSound();
      for (const each of steps) {
        if (each === "tick") raft.tick();
        else if (each === "campaign") raft.campaign();
        else raft.step(each as RaftMessage);
        settle();
        raft.checkInvariants();
      }
    }),
  );
});

function startSound(): { raft: ReturnType<typeof core>["raft"]; settle: () => void } {
  const sound = core({ log: [1, 1], term: 3, config: configOf([1, 2, 3], [4]) });
  return { raft: sound.raft, settle: () => void sound.settle() };
}
