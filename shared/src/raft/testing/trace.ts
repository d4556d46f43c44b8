/**
 * What a core does, as lines that people read. An entry is `index/term`, with its command or config.
 */
import { unreachable } from "../../assert.ts";
import { decodeGroupConfig } from "../group-config-codec.ts";
import type { GroupConfig, Member } from "../group-config.ts";
import type { Entry, RaftMessage } from "../messages.ts";
import type { RaftStatus } from "../raft-status.ts";
import type { Ready } from "../ready.ts";

export function traceReady(replica: number, ready: Ready): string[] {
  const lines: string[] = [];
  const say = (text: string): void => void lines.push(`${replica}: ${text}`);
  const { roleChange, persist, committed } = ready;
  if (roleChange !== null) {
    const { role, term, leader } = roleChange;
    say(`${role} term=${term} leader=${leader ?? "none"}`);
  }
  if (persist?.hardState) {
    const { term, vote, commit } = persist.hardState;
    say(`persist term=${term} vote=${vote ?? "none"} commit=${commit}`);
  }
  if (persist?.snapshot) say(`persist snapshot ${persist.snapshot.index}`);
  if (persist && persist.entries.length > 0) say(`persist ${traceEntries(persist.entries)}`);
  if (committed !== null) say(`apply ${committed.first}..${committed.last}`);
  if (ready.roundSent !== null) say(`round ${ready.roundSent} sent`);
  if (ready.roundAcked !== null) say(`round ${ready.roundAcked} acked`);
  for (const { readId, index } of ready.readStates) say(`read ${readId} at ${index}`);
  for (const readId of ready.failedReads) say(`read ${readId} failed`);
  for (const follower of ready.snapshotsWanted) say(`snapshot wanted by ${follower}`);
  return lines;
}

export function traceMessage(message: RaftMessage): string {
  const route = `${message.from} -> ${message.to}`;
  return `${route} ${message.kind} term=${message.term}${traceBody(message)}`;
}

function traceBody(message: RaftMessage): string {
  switch (message.kind) {
    case "pre-vote":
      return ` last=${message.lastIndex}/${message.lastTerm}`;
    case "vote": {
      const transfer = message.transfer ? " transfer" : "";
      return ` last=${message.lastIndex}/${message.lastTerm}${transfer}`;
    }
    case "pre-vote-reply":
    case "vote-reply":
      return message.granted ? " granted" : " refused";
    case "append": {
      const { prevIndex, prevTerm, commit, entries } = message;
      return ` prev=${prevIndex}/${prevTerm} commit=${commit} ${traceEntries(entries)}`;
    }
    case "append-reply": {
      const { outcome } = message;
      if (outcome.kind === "accepted") return ` match=${outcome.match}`;
      return ` rejected=${outcome.prevIndex} hint=${outcome.hintIndex}/${outcome.hintTerm}`;
    }
    case "heartbeat":
      return ` commit=${message.commit} round=${message.round}`;
    case "heartbeat-reply":
      return ` round=${message.round}`;
    case "snapshot":
      return ` at=${message.index}/${message.indexTerm} ${traceConfig(message.config)}`;
    case "timeout-now":
      return "";
    default:
      return unreachable(message);
  }
}

export function traceEntries(entries: readonly Entry[]): string {
  return `[${entries.map(traceEntry).join(", ")}]`;
}

export function traceEntry({ index, term, kind, payload }: Entry): string {
  switch (kind) {
    case "empty":
      return `${index}/${term}`;
    case "config":
      return `${index}/${term} ${traceConfig(decodeGroupConfig(payload))}`;
    case "command":
      return `${index}/${term} "${payload.toString()}"`;
    default:
      return unreachable(kind);
  }
}

/** `{1 2 3}`, joint `{1 2 4 | 1 2 3}`, with learners `{1 2 3 + 4}`. */
export function traceConfig({ voters, outgoing, learners }: GroupConfig): string {
  const list = (of: readonly Member[]): string => of.map((each) => each.replicaId).join(" ");
  const left = outgoing.length === 0 ? "" : ` | ${list(outgoing)}`;
  const learning = learners.length === 0 ? "" : ` + ${list(learners)}`;
  return `{${list(voters)}${left}${learning}}`;
}

export function traceStatus(status: RaftStatus): string[] {
  const { replicaId, role, term, vote, leader, commit, lastIndex, truncated, config } = status;
  const log = truncated.index === 0 ? `${lastIndex}` : `${truncated.index}<${lastIndex}`;
  const transfer = status.transferee === null ? "" : ` transfer=${status.transferee}`;
  const head =
    `${replicaId}: ${role} term=${term} vote=${vote ?? "none"} leader=${leader ?? "none"} ` +
    `commit=${commit} log=${log} config=${traceConfig(config)}@${status.configIndex}${transfer}`;
  const followers = status.progress.map((each) => {
    const active = each.recentlyActive ? "" : " inactive";
    return `   ${each.replicaId}: match=${each.match} next=${each.next} ${each.state}${active}`;
  });
  return [head, ...followers];
}
