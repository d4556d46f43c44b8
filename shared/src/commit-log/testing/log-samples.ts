/** Records for the tests and benches of the log. */
import { logIndex, replicaId, serverId, tabletId, term } from "../../ids.ts";
import type { Entry, EntryKind } from "../../raft/messages.ts";
import type { LogRecord } from "../records.ts";

export const OWN_ID = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e001");
export const FOREIGN_ID = serverId("6f1c1a52-6f0e-4d51-9d0c-0a3b51c2e002");

type EntriesRecord = Extract<LogRecord, { kind: "entries" }>;

export function entry(index: number, payload: Buffer | string, kind: EntryKind = "command"): Entry {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  return { index: logIndex(index), term: term(3), kind, payload: bytes };
}

/** The replica of tablet `tablet` is number 100 + `tablet`. */
export function entries(tablet: number, ...list: readonly Entry[]): EntriesRecord {
  return { kind: "entries", ...ownerOf(tablet), entries: list };
}

export function hardState(tablet: number, vote: number | null, commit = 0): LogRecord {
  return {
    kind: "hard-state",
    ...ownerOf(tablet),
    hardState: {
      term: term(3),
      vote: vote === null ? null : replicaId(vote),
      commit: logIndex(commit),
    },
  };
}

export function created(tablet: number, state: string): LogRecord {
  return { kind: "replica-created", ...ownerOf(tablet), state: Buffer.from(state) };
}

export function snapshotInstalled(tablet: number, index: number, state: string): LogRecord {
  return {
    kind: "snapshot-installed",
    ...ownerOf(tablet),
    index: logIndex(index),
    term: term(3),
    state: Buffer.from(state),
  };
}

export function tombstone(tablet: number, state: string): LogRecord {
  return { kind: "tombstone", ...ownerOf(tablet), state: Buffer.from(state) };
}

export function ownerOf(tablet: number): Pick<LogRecord, "tabletId" | "replicaId"> {
  return { tabletId: tabletId(tablet), replicaId: replicaId(100 + tablet) };
}

/** The record as recovery gives it back: payloads only of config entries. */
export function asRecovered(record: LogRecord): LogRecord {
  if (record.kind !== "entries") return record;
  const without = (item: Entry): Entry =>
    item.kind === "config" ? item : { ...item, payload: Buffer.alloc(0) };
  return { ...record, entries: record.entries.map(without) };
}
