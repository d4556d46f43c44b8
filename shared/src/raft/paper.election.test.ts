// One test for each rule of "In Search of an Understandable Consensus Algorithm" (Ongaro and
// Ousterhout, extended version), sections 5.1 and 5.2. Each sets up one core, does one thing, and
// looks at what the core wants written and said.
import { describe, expect, test } from "vitest";
import { logIndex, term } from "../ids.ts";
import { configOf, entry, id } from "./testing/core-host.ts";
import {
  append,
  core,
  grant,
  heartbeat,
  lead,
  ofKind,
  refuse,
  termsOf,
  vote,
} from "./testing/single-core.ts";

describe("5.1 terms", () => {
  test.each(["follower", "candidate", "leader"])(
    "a %s that sees a higher term adopts it and follows",
    (role) => {
      const host = core({ term: 1 });
      if (role === "candidate") {
        host.raft.campaign();
        host.settle();
        grant(host, 2, "pre-vote-reply", 2);
        host.settle();
      }
      if (role === "leader") lead(host);
      expect(host.raft.role).toBe(role);
      host.raft.step(append(host, { term: term(7) }));
      host.settle();
      expect(host.raft.status()).toMatchObject({
        role: "follower",
        term: 7,
        leader: 2,
        vote: null,
      });
      expect(host.disk.hardState.term).toBe(7);
    },
  );

  test("a request with a stale term is refused with the current one and changes nothing", () => {
    const host = core({ log: [1, 3], term: 3 });
    host.raft.step(vote(host, { term: term(2), lastIndex: logIndex(9), lastTerm: term(1) }));
    host.raft.step(append(host, { term: term(2), entries: [entry(1, 2)] }));
    const { sent } = host.settle();
    expect(ofKind(sent, "vote-reply")).toMatchObject([{ term: 3, granted: false }]);
    expect(ofKind(sent, "append-reply")).toMatchObject([{ term: 3 }]);
    expect(termsOf(host)).toEqual([1, 3]);
    expect(host.raft.leader).toBe(null);
  });

  test("a stale reply is ignored", () => {
    const host = core({ term: 1 });
    lead(host);
    const stale = { kind: "append-reply", from: id(2), to: id(1), term: term(1) } as const;
    host.raft.step({ ...stale, outcome: { kind: "accepted", match: logIndex(1) } });
    expect(host.raft.commit).toBe(0);
  });
});

describe("5.2 leader election", () => {
  test("a replica starts as follower", () => {
    expect(core().raft.status()).toMatchObject({ role: "follower", term: 0, leader: null });
  });

  test("a leader sends heartbeats to everybody each heartbeat interval", () => {
    const host = core();
    lead(host);
    host.raft.tick();
    const beats = ofKind(host.settle().sent, "heartbeat");
    expect(beats).toMatchObject([
      { to: 2, term: 1, round: 2 },
      { to: 3, term: 1, round: 2 },
    ]);
  });

  test("a follower that hears nothing for an election timeout asks, then campaigns", () => {
    const host = core({ log: [1, 2] });
    for (let tick = 0; tick < 9; tick++) host.raft.tick();
    expect(host.settle().sent).toEqual([]);
    host.raft.tick();
    expect(ofKind(host.settle().sent, "pre-vote")).toMatchObject([
      { to: 2, term: 3, lastIndex: 2, lastTerm: 2 },
      { to: 3, term: 3, lastIndex: 2, lastTerm: 2 },
    ]);
    expect(host.raft.status()).toMatchObject({ role: "pre-candidate", term: 2, vote: null });
    grant(host, 3, "pre-vote-reply", 3);
    expect(ofKind(host.settle().sent, "vote")).toMatchObject([
      { to: 2, term: 3, lastIndex: 2, lastTerm: 2 },
      { to: 3, term: 3, lastIndex: 2, lastTerm: 2 },
    ]);
    expect(host.raft.status()).toMatchObject({ role: "candidate", term: 3, vote: 1 });
    expect(host.disk.hardState).toMatchObject({ term: 3, vote: 1 });
  });

  test("a follower that hears its leader does not campaign", () => {
    const host = core({ term: 1 });
    for (let tick = 0; tick < 50; tick++) {
      if (tick % 9 === 0) host.raft.step(heartbeat(host));
      host.raft.tick();
    }
    expect(host.raft.role).toBe("follower");
  });

  test.each([
    { voters: 1, granted: [], refused: [], role: "leader" },
    { voters: 3, granted: [2], refused: [], role: "leader" },
    { voters: 3, granted: [], refused: [], role: "candidate" },
    { voters: 3, granted: [], refused: [2], role: "candidate" },
    { voters: 3, granted: [], refused: [2, 3], role: "follower" },
    { voters: 3, granted: [2], refused: [3], role: "leader" },
    { voters: 5, granted: [2], refused: [], role: "candidate" },
    { voters: 5, granted: [2, 3], refused: [4, 5], role: "leader" },
    { voters: 5, granted: [2], refused: [3, 4, 5], role: "follower" },
    { voters: 4, granted: [2], refused: [3], role: "candidate" },
    { voters: 4, granted: [2], refused: [3, 4], role: "follower" },
  ])(
    "of $voters voters, $granted granting and $refused refusing make it $role",
    ({ voters, granted, refused, role }) => {
      const all = Array.from({ length: voters }, (_, at) => at + 1);
      const host = core({ config: configOf(all) });
      host.raft.campaign();
      host.settle();
      for (const other of all) grant(host, other, "pre-vote-reply", 1);
      host.settle();
      for (const other of granted) grant(host, other, "vote-reply", 1);
      for (const other of refused) refuse(host, other, 1);
      expect(host.raft.role).toBe(role);
    },
  );

  test("a vote that is repeated counts once", () => {
    const host = core({ config: configOf([1, 2, 3, 4, 5]) });
    host.raft.campaign();
    host.settle();
    for (const other of [2, 3]) grant(host, other, "pre-vote-reply", 1);
    host.settle();
    grant(host, 2, "vote-reply", 1);
    grant(host, 2, "vote-reply", 1);
    expect(host.raft.role).toBe("candidate");
  });

  test("a replica votes once in a term, first come first served, also after a crash", () => {
    const host = core();
    host.raft.step(vote(host, { from: id(2), term: term(1) }));
    host.raft.step(vote(host, { from: id(3), term: term(1) }));
    expect(ofKind(host.settle().sent, "vote-reply")).toMatchObject([
      { to: 2, granted: true },
      { to: 3, granted: false },
    ]);
    host.crashAndRestart();
    for (let tick = 0; tick < 9; tick++) host.raft.tick();
    host.raft.step(vote(host, { from: id(3), term: term(1) }));
    host.raft.step(vote(host, { from: id(2), term: term(1) }));
    expect(ofKind(host.settle().sent, "vote-reply")).toMatchObject([
      { to: 3, granted: false },
      { to: 2, granted: true },
    ]);
  });

  test("a candidate follows a leader of its own term", () => {
    const host = core();
    host.raft.campaign();
    host.settle();
    grant(host, 2, "pre-vote-reply", 1);
    host.settle();
    host.raft.step(append(host, { from: id(3), term: term(1) }));
    expect(host.raft.status()).toMatchObject({ role: "follower", term: 1, leader: 3 });
  });

  test("election timeouts spread over their whole range", () => {
    const timeouts = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const host = core({ seed });
      let ticks = 0;
      while (host.raft.role === "follower" && ticks < 100) {
        host.raft.tick();
        ticks += 1;
      }
      timeouts.add(ticks);
    }
    expect([...timeouts].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  test("a candidate that nobody answers starts over with another timeout", () => {
    const host = core();
    host.raft.campaign();
    host.settle();
    grant(host, 2, "pre-vote-reply", 1);
    host.settle();
    for (let tick = 0; tick < 10; tick++) host.raft.tick();
    expect(host.raft.status()).toMatchObject({ role: "pre-candidate", term: 1 });
  });
});
