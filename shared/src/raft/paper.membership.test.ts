// One test for each rule of "In Search of an Understandable Consensus Algorithm" (Ongaro and
// Ousterhout, extended version), sections 6 to 8. Each sets up one core, does one thing, and
// looks at what the core wants written and said.
import { describe, expect, test } from "vitest";
import { logIndex, term } from "../ids.ts";
import { configOf, entry, id, members } from "./testing/core-host.ts";
import {
  accept,
  answer,
  append,
  core,
  grant,
  heartbeat,
  lead,
  ofKind,
  vote,
} from "./testing/single-core.ts";

describe("6 cluster membership changes", () => {
  function leadThree(): ReturnType<typeof core> {
    const host = core();
    lead(host);
    for (const other of [2, 3]) accept(host, other, 1);
    host.settle();
    return host;
  }

  const toOneFourFive = { voters: members(1, 4, 5), learners: [] };

  test("a joint config needs both majorities, and is left once it is committed", () => {
    const host = leadThree();
    host.raft.proposeConfig(toOneFourFive, logIndex(0));
    expect(host.raft.config).toEqual(configOf([1, 4, 5], [], [1, 2, 3]));
    host.settle();
    accept(host, 4, 2);
    accept(host, 5, 2);
    expect(host.raft.commit).toBe(1);
    accept(host, 3, 2);
    host.settle();
    expect(host.raft.commit).toBe(2);
    expect(host.raft.config).toEqual(configOf([1, 4, 5]));
    accept(host, 2, 3);
    accept(host, 3, 3);
    expect(host.raft.commit).toBe(2);
    accept(host, 4, 3);
    expect(host.raft.commit).toBe(3);
  });

  test("a candidate in a joint config needs both majorities", () => {
    const host = core({ config: configOf([1, 4, 5], [], [1, 2, 3]) });
    host.raft.campaign();
    host.settle();
    for (const other of [2, 3, 4, 5]) grant(host, other, "pre-vote-reply", 1);
    host.settle();
    grant(host, 4, "vote-reply", 1);
    grant(host, 5, "vote-reply", 1);
    expect(host.raft.role).toBe("candidate");
    grant(host, 2, "vote-reply", 1);
    expect(host.raft.role).toBe("leader");
  });

  test("a replica uses the latest config in its log, committed or not", () => {
    const host = leadThree();
    host.raft.proposeConfig(toOneFourFive, logIndex(0));
    const sent = ofKind(host.settle().sent, "append");
    const entries = sent[0]?.entries ?? [];
    const follower = core({ replica: 2, log: [1] });
    follower.raft.step(
      append(follower, { from: id(1), prevIndex: logIndex(1), prevTerm: term(1), entries }),
    );
    expect(follower.raft.config).toEqual(configOf([1, 4, 5], [], [1, 2, 3]));
    expect(follower.raft.commit).toBe(0);
  });

  test("a leader that is not in the new config leads until it is committed, uncounted", () => {
    const host = leadThree();
    host.raft.proposeConfig({ voters: members(2, 3, 4), learners: [] }, logIndex(0));
    host.settle();
    for (const other of [2, 3]) accept(host, other, 2);
    host.settle();
    expect(host.raft.config).toEqual(configOf([2, 3, 4]));
    accept(host, 2, 3);
    expect(host.raft.status()).toMatchObject({ role: "leader", commit: 2 });
    accept(host, 3, 3);
    const { sent } = host.settle();
    expect(host.raft.status()).toMatchObject({ role: "follower", commit: 3 });
    expect(ofKind(sent, "timeout-now")).toMatchObject([{ to: 2 }]);
  });

  test("a replica that hears a leader grants no vote and keeps its term", () => {
    const host = core({ term: 1 });
    host.raft.step(heartbeat(host));
    host.settle();
    host.raft.step(
      vote(host, { from: id(3), term: term(9), lastIndex: logIndex(9), lastTerm: term(8) }),
    );
    expect(host.settle().sent).toEqual([]);
    expect(host.raft.status()).toMatchObject({ term: 1, leader: 2 });
  });
});

describe("7 log compaction", () => {
  const offer = {
    kind: "snapshot",
    from: id(2),
    to: id(1),
    term: term(3),
    index: logIndex(4),
    indexTerm: term(2),
    config: configOf([1, 2, 3], [], [1, 2]),
    configIndex: logIndex(3),
  } as const;

  test("a snapshot that the log does not reach or match replaces the log", () => {
    const host = core({ log: [1, 1, 1, 1, 1], term: 3 });
    host.raft.step(offer);
    const { sent, readies } = host.settle();
    expect(readies[0]?.persist?.snapshot).toEqual(offer);
    expect(ofKind(sent, "append-reply")).toMatchObject([{ outcome: { match: 4 } }]);
    const expected = { lastIndex: 4, commit: 4, applied: 4, truncated: { index: 4, term: 2 } };
    expect(host.raft.status()).toMatchObject({ ...expected, configIndex: 3 });
    expect(host.raft.config).toEqual(offer.config);
  });

  test("a snapshot whose last entry the log has only moves the commit", () => {
    const host = core({ log: [1, 1, 2, 2, 3], term: 3 });
    host.raft.step(offer);
    const { readies } = host.settle();
    expect(readies.every((ready) => ready.persist === null)).toBe(true);
    expect(host.raft.status()).toMatchObject({ lastIndex: 5, commit: 4 });
    expect(host.applied.length).toBe(4);
  });

  test("a snapshot at or below the commit is answered and ignored", () => {
    const host = core({ log: [1, 1, 2, 2, 3], term: 3, commit: 5 });
    host.raft.step(offer);
    expect(ofKind(host.settle().sent, "append-reply")).toMatchObject([{ outcome: { match: 5 } }]);
    expect(host.raft.status()).toMatchObject({ lastIndex: 5, truncated: { index: 0 } });
  });

  test("a leader wants a snapshot for a follower whose next entry is compacted away", () => {
    const host = core({ log: [1, 1, 1] });
    lead(host);
    accept(host, 3, 4);
    host.settle();
    host.compact(4);
    const hint = { hintIndex: logIndex(1), hintTerm: term(1) };
    answer(host, 2, { kind: "rejected", prevIndex: logIndex(3), ...hint });
    const { readies } = host.settle();
    expect(readies.flatMap((ready) => ready.snapshotsWanted)).toEqual([2]);
  });
});

describe("8 client interaction", () => {
  test("a new leader opens its term with an empty entry", () => {
    const host = core({ log: [1] });
    const appends = ofKind(lead(host), "append");
    expect(appends).toMatchObject([{ entries: [entry(2, 2)] }, { entries: [entry(2, 2)] }]);
  });

  test("a read waits for the leader's first commit and for a round of heartbeats", () => {
    const host = core();
    lead(host);
    expect(host.raft.requestRead()).toEqual({ kind: "opened", readId: 1 });
    host.raft.step({ ...heartbeat(host, { round: 1 }), kind: "heartbeat-reply" });
    expect(host.settle().readies.flatMap((ready) => ready.readStates)).toEqual([]);
    accept(host, 2, 1);
    const beats = ofKind(host.settle().sent, "heartbeat");
    expect(beats.map((beat) => beat.round)).toEqual([2, 2]);
    host.raft.step({ ...heartbeat(host, { round: 2 }), kind: "heartbeat-reply" });
    const { readies } = host.settle();
    expect(readies.flatMap((ready) => ready.readStates)).toEqual([{ readId: 1, index: 1 }]);
  });

  test("a replica that does not lead refuses and says who does", () => {
    const host = core({ term: 1 });
    host.raft.step(heartbeat(host));
    const refused = { kind: "refused", reason: "not-leader", leader: 2 };
    expect(host.raft.propose([Buffer.from("x")])).toEqual(refused);
    expect(host.raft.requestRead()).toEqual(refused);
    expect(host.raft.transferLeadership(id(2))).toEqual(refused);
    expect(host.raft.proposeConfig({ voters: members(1), learners: [] }, logIndex(0))).toEqual(
      refused,
    );
  });
});
