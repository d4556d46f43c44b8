// One test for each rule of "In Search of an Understandable Consensus Algorithm" (Ongaro and
// Ousterhout, extended version), sections 5.3 and 5.4. Each sets up one core, does one thing, and
// looks at what the core wants written and said.
import { describe, expect, test } from "vitest";
import { logIndex, term } from "../ids.ts";
import { ScriptCluster } from "./testing/script-cluster.ts";
import { configOf, entry } from "./testing/core-host.ts";
import {
  accept,
  answer,
  append,
  core,
  heartbeat,
  lead,
  ofKind,
  termsOf,
  vote,
} from "./testing/single-core.ts";

describe("5.3 log replication", () => {
  test("a leader appends a command and sends it to everybody at once", () => {
    const host = core();
    lead(host);
    for (const other of [2, 3]) accept(host, other, 1);
    host.settle();
    host.raft.propose([Buffer.from("a"), Buffer.from("b")]);
    const { sent } = host.settle();
    const expected = { prevIndex: 1, prevTerm: 1, commit: 1 };
    expect(ofKind(sent, "append")).toMatchObject([
      { ...expected, to: 2, entries: [entry(2, 1, "a"), entry(3, 1, "b")] },
      { ...expected, to: 3, entries: [entry(2, 1, "a"), entry(3, 1, "b")] },
    ]);
    expect(termsOf(host)).toEqual([1, 1, 1]);
  });

  test.each([
    { voters: 1, acks: [], committed: true },
    { voters: 3, acks: [], committed: false },
    { voters: 3, acks: [2], committed: true },
    { voters: 5, acks: [2], committed: false },
    { voters: 5, acks: [2, 4], committed: true },
    { voters: 4, acks: [2], committed: false },
  ])("of $voters voters, $acks acknowledging commit: $committed", ({ voters, acks, committed }) => {
    const all = Array.from({ length: voters }, (_, at) => at + 1);
    const host = core({ config: configOf(all) });
    lead(host);
    for (const other of all) if (other !== 1) accept(host, other, 1);
    host.settle();
    host.raft.propose([Buffer.from("x")]);
    host.settle();
    for (const other of acks) accept(host, other, 2);
    host.settle();
    expect(host.raft.commit).toBe(committed ? 2 : 1);
    expect(host.applied.at(-1)?.index).toBe(committed ? 2 : 1);
  });

  test("with its first own entry a leader commits everything before it", () => {
    const host = core({ log: [1, 2, 2] });
    lead(host);
    accept(host, 2, 4);
    host.settle();
    expect(host.applied.map((each) => each.index)).toEqual([1, 2, 3, 4]);
  });

  test("a follower applies what the leader says is committed, in order", () => {
    const host = core({ term: 1 });
    const entries = [entry(1, 1, "a"), entry(2, 1, "b")];
    host.raft.step(append(host, { entries }));
    host.settle();
    expect(host.applied).toEqual([]);
    host.raft.step(heartbeat(host, { commit: logIndex(1) }));
    host.settle();
    host.raft.step(
      append(host, { prevIndex: logIndex(2), prevTerm: term(1), commit: logIndex(2) }),
    );
    host.settle();
    expect(host.applied).toEqual(entries);
  });

  test.each([
    { prevIndex: 2, prevTerm: 2, match: 2 },
    { prevIndex: 1, prevTerm: 1, match: 1 },
    { prevIndex: 0, prevTerm: 0, match: 1 },
    { prevIndex: 2, prevTerm: 3, match: null },
    { prevIndex: 3, prevTerm: 3, match: null },
  ])(
    "a follower with log [1 2] meets an append behind $prevIndex/$prevTerm with match $match",
    ({ prevIndex, prevTerm, match }) => {
      const host = core({ log: [1, 2], term: 3, commit: 1 });
      const previous = { prevIndex: logIndex(prevIndex), prevTerm: term(prevTerm) };
      host.raft.step(append(host, previous));
      const [reply] = ofKind(host.settle().sent, "append-reply");
      if (match === null) expect(reply?.outcome).toMatchObject({ kind: "rejected", prevIndex });
      else expect(reply?.outcome).toEqual({ kind: "accepted", match });
    },
  );

  test.each([
    { log: [1, 2], prevIndex: 2, prevTerm: 2, sent: [3], result: [1, 2, 3] },
    { log: [1, 2], prevIndex: 1, prevTerm: 1, sent: [3, 3], result: [1, 3, 3] },
    { log: [1, 2], prevIndex: 0, prevTerm: 0, sent: [1], result: [1, 2] },
    { log: [1, 2], prevIndex: 0, prevTerm: 0, sent: [3], result: [3] },
    { log: [1, 2, 2], prevIndex: 0, prevTerm: 0, sent: [1, 2], result: [1, 2, 2] },
    { log: [1, 2, 2], prevIndex: 1, prevTerm: 1, sent: [2, 3], result: [1, 2, 3] },
  ])(
    "a follower with log $log replaces what conflicts with $sent behind $prevIndex, and only that",
    ({ log, prevIndex, prevTerm, sent, result }) => {
      const host = core({ log, term: 3 });
      const entries = sent.map((entryTerm, at) => entry(prevIndex + 1 + at, entryTerm));
      const previous = { prevIndex: logIndex(prevIndex), prevTerm: term(prevTerm) };
      host.raft.step(append(host, { ...previous, entries }));
      host.settle();
      expect(termsOf(host)).toEqual(result);
      expect(host.raft.lastIndex).toBe(result.length);
    },
  );

  test("an append that is repeated changes nothing", () => {
    const host = core({ term: 1 });
    const message = append(host, { entries: [entry(1, 1, "a")], commit: logIndex(1) });
    host.raft.step(message);
    host.settle();
    host.raft.step(message);
    const { sent, readies } = host.settle();
    expect(ofKind(sent, "append-reply")).toMatchObject([{ outcome: { match: 1 } }]);
    expect(readies.map((ready) => ready.persist)).toEqual([null]);
    expect(host.applied.length).toBe(1);
  });

  // Figure 7: (a) to (f), each against the leader of term 8.
  test.each([
    { name: "a", log: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { name: "b", log: [1, 1, 1, 4] },
    { name: "c", log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { name: "d", log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
    { name: "e", log: [1, 1, 1, 4, 4, 4, 4] },
    { name: "f", log: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ])("figure 7: the leader brings follower ($name) to its own log", ({ log }) => {
    const cluster = new ScriptCluster({});
    const config = configOf([1, 2, 3]);
    const leading = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    cluster.addWithPast(1, config, { terms: leading, term: 7, vote: null, commit: 0 });
    cluster.addWithPast(2, config, { terms: log, term: 7, vote: null, commit: 0 });
    cluster.addWithPast(3, config, { terms: [], term: 7, vote: null, commit: 0 });
    cluster.host(1).raft.campaign();
    cluster.settle();
    expect(cluster.host(1).raft.status()).toMatchObject({ role: "leader", term: 8, commit: 11 });
    expect(termsOf(cluster.host(2))).toEqual([...leading, 8]);
    expect(cluster.host(2).raft.commit).toBe(11);
  });

  test("a refused append names the last place where the logs may agree", () => {
    const host = core({ log: [1, 1, 1, 2, 2, 2, 2], term: 5 });
    host.raft.step(append(host, { prevIndex: logIndex(6), prevTerm: term(1) }));
    const [reply] = ofKind(host.settle().sent, "append-reply");
    expect(reply?.outcome).toEqual({ kind: "rejected", prevIndex: 6, hintIndex: 3, hintTerm: 1 });
  });

  test("a leader skips a whole term for one refusal", () => {
    const host = core({ log: [1, 1, 4, 4, 4, 4, 4] });
    lead(host);
    const hint = { hintIndex: logIndex(6), hintTerm: term(3) };
    answer(host, 2, { kind: "rejected", prevIndex: logIndex(7), ...hint });
    expect(ofKind(host.settle().sent, "append")).toMatchObject([{ prevIndex: 2, prevTerm: 1 }]);
  });
});

describe("5.4 safety", () => {
  test.each([
    { own: [1], lastIndex: 1, lastTerm: 1, granted: true },
    { own: [1], lastIndex: 2, lastTerm: 1, granted: true },
    { own: [1, 1], lastIndex: 1, lastTerm: 1, granted: false },
    { own: [1], lastIndex: 1, lastTerm: 2, granted: true },
    { own: [1, 1], lastIndex: 1, lastTerm: 2, granted: true },
    { own: [2], lastIndex: 2, lastTerm: 1, granted: false },
    { own: [2], lastIndex: 9, lastTerm: 1, granted: false },
  ])(
    "a voter with log $own asked by one that ends at $lastIndex/$lastTerm grants: $granted",
    ({ own, lastIndex, lastTerm, granted }) => {
      const host = core({ log: own, term: 2 });
      const last = { lastIndex: logIndex(lastIndex), lastTerm: term(lastTerm) };
      host.raft.step(vote(host, { ...last, term: term(3) }));
      expect(ofKind(host.settle().sent, "vote-reply")).toMatchObject([{ term: 3, granted }]);
    },
  );

  test("a leader counts replicas only for entries of its own term (figure 8)", () => {
    const host = core({ log: [1, 2] });
    lead(host);
    accept(host, 2, 2);
    expect(host.raft.commit).toBe(0);
    accept(host, 2, 3);
    expect(host.raft.commit).toBe(3);
  });

  test("a leader never replaces or drops an entry of its own log", () => {
    const host = core({ log: [1, 2, 2] });
    lead(host);
    const hint = { hintIndex: logIndex(0), hintTerm: term(0) };
    answer(host, 2, { kind: "rejected", prevIndex: logIndex(3), ...hint });
    host.settle();
    expect(termsOf(host)).toEqual([1, 2, 2, 3]);
  });

  test("a replica that starts again knows term, vote and log", () => {
    const host = core({ term: 1 });
    host.raft.step(append(host, { entries: [entry(1, 1, "a")] }));
    host.settle();
    host.crashAndRestart();
    expect(host.raft.status()).toMatchObject({ term: 1, lastIndex: 1, role: "follower" });
  });
});
