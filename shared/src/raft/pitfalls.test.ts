// Mistakes that Raft implementations are known for and that one core shows alone. Those that need
// several replicas are scripts in testdata/.
import { describe, expect, test } from "vitest";
import { logIndex, term } from "../ids.ts";
import {
  CoreHost,
  TEST_TICKS,
  configOf,
  emptyDisk,
  entry,
  id,
  members,
  noJitter,
} from "./testing/core-host.ts";
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

const proposal = [Buffer.from("x")];

/** Leads {1 2 3} with its opening entry committed and 2 and 3 streamed to. */
function settledLeader(tuning = {}): ReturnType<typeof core> {
  const host = core({ tuning });
  lead(host);
  for (const other of [2, 3]) accept(host, other, 1);
  host.settle();
  return host;
}

describe("a follower", () => {
  test("commits only what an append vouched for, not whatever its own log holds", () => {
    const host = core({ log: [1, 2, 3, 3], term: 4 });
    const previous = { prevIndex: logIndex(1), prevTerm: term(1) };
    host.raft.step(append(host, { ...previous, commit: logIndex(4) }));
    expect(host.raft.commit).toBe(1);
    host.raft.step(append(host, { ...previous, commit: logIndex(4), entries: [entry(2, 2)] }));
    expect(host.raft.commit).toBe(2);
  });

  test("answers a heartbeat at once while entries are being written, if its term is durable", () => {
    const host = core({ term: 1 });
    host.raft.step(append(host, { entries: [entry(1, 1, "a")] }));
    host.raft.step(heartbeat(host));
    const { sent } = host.takeReady();
    expect(sent.map((message) => message.kind)).toEqual(["heartbeat-reply"]);
    expect(host.completeWrite().map((message) => message.kind)).toEqual(["append-reply"]);
  });

  test("answers a heartbeat of a new term only once that term is durable", () => {
    const host = core({ term: 1 });
    host.raft.step(heartbeat(host, { term: term(2) }));
    expect(host.takeReady().sent).toEqual([]);
    expect(host.completeWrite()).toMatchObject([{ kind: "heartbeat-reply", term: 2 }]);
  });

  test("refuses appends and votes only after what it has is durable, too", () => {
    const host = core({ log: [1], term: 2 });
    host.raft.step(append(host, { prevIndex: logIndex(5), prevTerm: term(1), term: term(3) }));
    expect(host.takeReady().sent).toEqual([]);
    expect(host.completeWrite()).toMatchObject([{ outcome: { kind: "rejected" } }]);
  });

  test("writes nothing for a commit index alone", () => {
    const host = core({ log: [1, 1], term: 1 });
    host.raft.step(heartbeat(host, { commit: logIndex(2) }));
    const { ready } = host.takeReady();
    expect(ready.persist).toBe(null);
    expect(ready.committed).toEqual({ first: 1, last: 2 });
  });

  test("installs the later of two snapshots that come in one write", () => {
    const host = core({ log: [1], term: 3 });
    const envelope = { kind: "snapshot", from: id(2), to: id(1), term: term(3) } as const;
    const config = { config: configOf([1, 2, 3]), configIndex: logIndex(0) };
    host.raft.step({ ...envelope, ...config, index: logIndex(4), indexTerm: term(2) });
    host.takeReady();
    host.raft.step({ ...envelope, ...config, index: logIndex(9), indexTerm: term(3) });
    host.completeWrite();
    const { readies } = host.settle();
    expect(readies.map((ready) => ready.persist?.snapshot?.index)).toEqual([9]);
    expect(host.raft.status()).toMatchObject({ applied: 9, lastIndex: 9 });
  });
});

describe("a voter", () => {
  test("grants a pre-vote with the term asked for, and changes neither term nor vote", () => {
    const host = core({ log: [1], term: 2, vote: 3 });
    host.raft.step({
      ...vote(host, { lastIndex: logIndex(1), lastTerm: term(1), term: term(5) }),
      kind: "pre-vote",
    });
    const { sent, readies } = host.settle();
    expect(sent).toMatchObject([{ kind: "pre-vote-reply", term: 5, granted: true }]);
    expect(readies.every((ready) => ready.persist === null)).toBe(true);
    expect(host.raft.status()).toMatchObject({ term: 2, vote: 3 });
  });

  test("that has just started grants at once only if it is new", () => {
    for (const start of ["fresh", "restarted"] as const) {
      const host = core({ start });
      host.raft.step(vote(host, { term: term(1) }));
      expect(host.settle().sent.length).toBe(start === "fresh" ? 1 : 0);
    }
  });

  test("breaks its promise for a campaign that the leader itself asked for", () => {
    const host = core({ term: 1 });
    host.raft.step(heartbeat(host));
    host.settle();
    host.raft.step(vote(host, { from: id(3), term: term(2), transfer: true }));
    expect(ofKind(host.settle().sent, "vote-reply")).toMatchObject([{ to: 3, granted: true }]);
  });
});

describe("a candidate", () => {
  test("ignores grants of pre-votes that come late", () => {
    const host = core({ config: configOf([1, 2, 3, 4, 5]) });
    host.raft.campaign();
    host.settle();
    for (const other of [2, 3]) grant(host, other, "pre-vote-reply", 1);
    host.settle();
    for (const other of [4, 5]) grant(host, other, "pre-vote-reply", 1);
    for (const other of [4, 5]) grant(host, other, "pre-vote-reply", 2);
    expect(host.raft.status()).toMatchObject({ role: "candidate", term: 1 });
  });

  test("does not count its own vote before it is durable", () => {
    const host = core({ config: configOf([1]) });
    host.raft.campaign();
    host.takeReady();
    expect(host.raft.role).toBe("candidate");
    host.completeWrite();
    expect(host.raft.role).toBe("leader");
  });

  test("does not count the vote of an older campaign that becomes durable late", () => {
    const host = core({ config: configOf([1]) });
    host.raft.campaign();
    host.takeReady();
    host.raft.step(append(host, { term: term(2) }));
    host.raft.step({ kind: "timeout-now", from: id(2), to: id(1), term: term(2) });
    host.completeWrite();
    expect(host.raft.status()).toMatchObject({ role: "candidate", term: 3 });
    host.settle();
    expect(host.raft.role).toBe("leader");
  });

  test("that is alone leads at its first tick, also after a restart", () => {
    for (const start of ["fresh", "restarted"] as const) {
      const host = core({ config: configOf([1]), start });
      host.raft.tick();
      host.settle();
      expect(host.raft.role).toBe("leader");
    }
  });
});

describe("a replica that was left alone by a config change", () => {
  test("keeps the promise that it may have given before it started again", () => {
    const options = { ...TEST_TICKS, replicaId: id(1), random: noJitter };
    const host = new CoreHost(options, emptyDisk(configOf([1]), 5), "restarted");
    host.raft.campaign();
    for (let tick = 0; tick < 9; tick++) host.raft.tick();
    expect(host.settle().sent).toEqual([]);
    expect(host.raft.role).toBe("follower");
    host.raft.tick();
    host.settle();
    expect(host.raft.role).toBe("leader");
  });
});

describe("a leader", () => {
  test("sends an entry of any size, alone", () => {
    const host = settledLeader({ maxAppendBytes: 3, maxInflightBytes: 4 });
    host.raft.propose([Buffer.from("far too large"), ...proposal]);
    const appends = ofKind(host.settle().sent, "append").filter(({ to }) => to === 2);
    expect(appends.map(({ entries }) => entries.map(({ index }) => index))).toEqual([[2]]);
  });

  test("keeps a small append for a follower whose log may differ", () => {
    const host = core({ log: [1, 1, 1] });
    lead(host);
    host.raft.propose([Buffer.alloc(5000)]);
    host.settle();
    const hint = { hintIndex: logIndex(2), hintTerm: term(1) };
    answer(host, 2, { kind: "rejected", prevIndex: logIndex(3), ...hint });
    const [probe] = ofKind(host.settle().sent, "append");
    expect(probe?.entries.map(({ index }) => index)).toEqual([3, 4]);
  });

  test("gathers proposals until a Ready is taken, into one append", () => {
    const host = settledLeader();
    for (let count = 0; count < 5; count++) host.raft.propose(proposal);
    const appends = ofKind(host.settle().sent, "append").filter(({ to }) => to === 2);
    expect(appends.map(({ entries }) => entries.length)).toEqual([5]);
  });

  test("ignores a refusal that a later acceptance overtook", () => {
    const host = settledLeader();
    const hint = { hintIndex: logIndex(0), hintTerm: term(0) };
    answer(host, 2, { kind: "rejected", prevIndex: logIndex(1), ...hint });
    expect(host.raft.status().progress[0]).toMatchObject({ state: "replicate", match: 1 });
  });

  test("ignores acknowledgements of entries and rounds that it never sent", () => {
    const host = settledLeader();
    accept(host, 2, 99);
    host.raft.step({ ...heartbeat(host, { round: 99 }), kind: "heartbeat-reply" });
    const { readies } = host.settle();
    expect(host.raft.status().progress[0]).toMatchObject({ match: 1 });
    expect(readies.map((ready) => ready.roundAcked)).not.toContain(99);
  });

  test("calls a follower silent after a whole period without an answer, not at each quorum check", () => {
    const host = settledLeader();
    const heard: boolean[] = [];
    for (let tick = 1; tick <= 40; tick++) {
      host.raft.tick();
      if (tick % 3 === 0) accept(host, 3, 1);
      if (tick % 3 === 0 && tick <= 20) accept(host, 2, 1);
      host.settle();
      const [two, three] = host.raft.status().progress;
      expect(three?.isHeard).toBe(true);
      heard.push(two?.isHeard ?? false);
    }
    expect(heard.lastIndexOf(true)).toBeGreaterThanOrEqual(20);
    expect(heard.indexOf(false)).toBeGreaterThanOrEqual(20);
    expect(heard.at(-1)).toBe(false);
  });

  test("ignores replies from outside the config, whatever their term", () => {
    const host = settledLeader();
    accept(host, 9, 1);
    host.raft.step({ ...heartbeat(host, { from: id(9), term: term(7) }), kind: "heartbeat-reply" });
    expect(host.raft.status()).toMatchObject({ role: "leader", term: 1, malformedMessages: 0 });
  });

  test("ignores a campaign while it leads, and obeys one that it asked for", () => {
    const host = settledLeader();
    const last = { lastIndex: logIndex(1), lastTerm: term(1) };
    host.raft.step(vote(host, { ...last, term: term(5) }));
    expect(host.settle().sent).toEqual([]);
    host.raft.step(vote(host, { ...last, term: term(5), transfer: true }));
    expect(host.settle().sent).toMatchObject([{ kind: "vote-reply", granted: true }]);
    expect(host.raft.status()).toMatchObject({ role: "follower", term: 5 });
  });

  test("reports no acknowledged round before it committed in its term", () => {
    const host = core();
    lead(host);
    host.raft.step({ ...heartbeat(host, { round: 1 }), kind: "heartbeat-reply" });
    expect(host.settle().readies.map((ready) => ready.roundAcked)).not.toContain(1);
    accept(host, 2, 1);
    host.raft.tick();
    host.settle();
    host.raft.step({ ...heartbeat(host, { round: 2 }), kind: "heartbeat-reply" });
    expect(host.settle().readies.map((ready) => ready.roundAcked)).toContain(2);
  });

  test("takes back an acknowledged round if it steps down in the same Ready", () => {
    const host = settledLeader();
    host.raft.tick();
    host.settle();
    host.raft.step({ ...heartbeat(host, { round: 2 }), kind: "heartbeat-reply" });
    host.raft.step(append(host, { term: term(9) }));
    const { ready } = host.takeReady();
    expect(ready).toMatchObject({ roundAcked: null, roleChange: { role: "follower", term: 9 } });
  });

  test("of one voter acknowledges its rounds itself", () => {
    const host = core({ config: configOf([1]) });
    host.raft.tick();
    host.settle();
    host.raft.requestRead();
    const { ready } = host.takeReady();
    const readStates = [{ readId: 1, index: 1 }];
    expect(ready).toMatchObject({ roundSent: 2, roundAcked: 2, readStates });
  });

  test("transfers only to another voter, once at a time", () => {
    const host = core({ config: configOf([1, 2, 3], [4]) });
    lead(host);
    const reasonOf = (to: number): string => {
      const outcome = host.raft.transferLeadership(id(to));
      return outcome.kind === "refused" ? outcome.reason : outcome.kind;
    };
    expect([1, 4, 9, 2, 2, 3].map(reasonOf)).toEqual([
      "is-leader",
      "not-a-voter",
      "not-a-voter",
      "accepted",
      "accepted",
      "transferring",
    ]);
  });

  test("finds a voter's demotion to learner legal, by way of a joint config", () => {
    const host = settledLeader();
    const target = { voters: members(1, 2), learners: members(3) };
    host.raft.proposeConfig(target, logIndex(0));
    host.settle();
    expect(host.raft.config).toEqual(configOf([1, 2], [3], [1, 2, 3]));
    accept(host, 2, 2);
    expect(host.raft.config).toEqual(configOf([1, 2], [3]));
  });
});

describe("a core", () => {
  test("hands out nothing while a write is under way", () => {
    const host = settledLeader();
    host.raft.propose(proposal);
    host.takeReady();
    host.raft.propose(proposal);
    expect(host.raft.hasReady()).toBe(false);
    expect(() => host.raft.takeReady()).toThrow("R3");
    host.completeWrite();
    expect(host.raft.hasReady()).toBe(true);
  });

  test("does not start with a commit index beyond its log", () => {
    expect(() => core({ log: [1], commit: 2 })).toThrow("G1");
  });

  test("takes two leaders in one term for the end", () => {
    const host = core({ term: 1 });
    host.raft.step(heartbeat(host));
    expect(() => host.raft.step(heartbeat(host, { from: id(3) }))).toThrow("lead term 1");
  });
});
