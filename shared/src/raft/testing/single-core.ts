/**
 * One core under test, with the other replicas played by hand: shorthand for what they say.
 */
import { logIndex, term } from "../../ids.ts";
import { SeededRandom } from "../../random.ts";
import type { GroupConfig } from "../group-config.ts";
import type { Append, AppendReply, Heartbeat, RaftMessage, Vote } from "../messages.ts";
import type { RaftOptions } from "../raft-options.ts";
import { CoreHost, TEST_TICKS, configOf, emptyDisk, entry, id, noJitter } from "./core-host.ts";

interface Beginning {
  readonly replica?: number;
  readonly config?: GroupConfig;
  /** The term of each entry of the log. */
  readonly log?: readonly number[];
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  /** Draws election timeouts at random, from this seed. */
  readonly seed?: number;
  readonly start?: "fresh" | "restarted";
  readonly tuning?: Partial<RaftOptions>;
}

/** Replica 1 of {1 2 3} with an empty log, unless told otherwise. */
export function core(beginning: Beginning = {}): CoreHost {
  const { replica = 1, config = configOf([1, 2, 3]), log = [], vote } = beginning;
  const disk = emptyDisk(config);
  disk.hardState = {
    term: term(beginning.term ?? log.at(-1) ?? 0),
    vote: vote === undefined ? null : id(vote),
    commit: logIndex(beginning.commit ?? 0),
  };
  disk.entries = log.map((entryTerm, at) => entry(at + 1, entryTerm));
  const random = beginning.seed === undefined ? noJitter : new SeededRandom(beginning.seed);
  const options = { ...TEST_TICKS, ...beginning.tuning, replicaId: id(replica), random };
  return new CoreHost(options, disk, beginning.start ?? "fresh");
}

/** Makes the core leader of the next term; its opening entry is written and sent, not acknowledged. */
export function lead(host: CoreHost): RaftMessage[] {
  host.raft.campaign();
  host.settle();
  for (const member of [...host.raft.config.voters, ...host.raft.config.outgoing]) {
    grant(host, member.replicaId, "pre-vote-reply", host.raft.term + 1);
  }
  host.settle();
  for (const member of [...host.raft.config.voters, ...host.raft.config.outgoing]) {
    grant(host, member.replicaId, "vote-reply", host.raft.term);
  }
  return host.settle().sent;
}

export function grant(
  host: CoreHost,
  from: number,
  kind: "pre-vote-reply" | "vote-reply",
  ofTerm: number,
): void {
  if (from === host.id) return;
  host.raft.step({ kind, from: id(from), to: host.id, term: term(ofTerm), granted: true });
}

export function refuse(host: CoreHost, from: number, ofTerm: number): void {
  const kind = "vote-reply";
  host.raft.step({ kind, from: id(from), to: host.id, term: term(ofTerm), granted: false });
}

/** From 2, in the term of the core. */
export function append(host: CoreHost, content: Partial<Append>): Append {
  const [prevIndex, prevTerm, commit] = [logIndex(0), term(0), logIndex(0)];
  const envelope = { kind: "append", from: id(2), to: host.id, term: host.raft.term } as const;
  return { ...envelope, prevIndex, prevTerm, commit, entries: [], ...content };
}

export function heartbeat(host: CoreHost, content: Partial<Heartbeat> = {}): Heartbeat {
  const envelope = { kind: "heartbeat", from: id(2), to: host.id, term: host.raft.term } as const;
  return { ...envelope, commit: logIndex(0), round: 1, ...content };
}

export function vote(host: CoreHost, content: Partial<Vote> = {}): Vote {
  const envelope = { kind: "vote", from: id(2), to: host.id, term: host.raft.term } as const;
  return { ...envelope, lastIndex: logIndex(0), lastTerm: term(0), transfer: false, ...content };
}

export function accept(host: CoreHost, from: number, match: number): void {
  answer(host, from, { kind: "accepted", match: logIndex(match) });
}

export function answer(host: CoreHost, from: number, outcome: AppendReply["outcome"]): void {
  const envelope = { kind: "append-reply", from: id(from), to: host.id } as const;
  host.raft.step({ ...envelope, term: host.raft.term, outcome });
}

/** The log as the term of each entry, from the first on. */
export function termsOf(host: CoreHost): number[] {
  return host.disk.entries.map((each) => each.term);
}

export function ofKind<Kind extends RaftMessage["kind"]>(
  messages: readonly RaftMessage[],
  kind: Kind,
): Extract<RaftMessage, { kind: Kind }>[] {
  return messages.filter(
    (message): message is Extract<RaftMessage, { kind: Kind }> => message.kind === kind,
  );
}
