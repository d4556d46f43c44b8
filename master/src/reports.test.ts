import { logIndex, replicaId, serverId, tabletId } from "@stele/shared/ids.ts";
import type { HeartbeatRequest, ReplicaReport } from "@stele/shared/wire/heartbeat.ts";
import { expect, test } from "vitest";
import { Reports } from "./reports.ts";

const SERVER = serverId("00000000-0000-4000-8000-000000000001");
const TABLET = tabletId(5);
const one = replicaId(1);

function report(commit: number): ReplicaReport {
  return {
    tabletId: TABLET,
    replicaId: one,
    state: "running",
    role: "follower",
    term: 3,
    leader: 2,
    generation: 1,
    configIndex: logIndex(1),
    config: { voters: [], outgoing: [], learners: [] },
    commit,
    applied: commit,
    lastIndex: commit,
    rows: 0,
    sizeBytes: 0,
    followers: [],
  };
}

function heartbeat(sequence: number, what: Partial<HeartbeatRequest>): HeartbeatRequest {
  return {
    serverId: SERVER,
    name: "ts1",
    url: "http://ts1",
    announcedAtMicros: 0,
    sequence,
    bootId: "first boot",
    full: false,
    replicas: [],
    destroyed: [],
    wallMicros: 0,
    ...what,
  };
}

/** The commit index of the replica as it was reported last, undefined: it is not there. */
const commitIn = (reports: Reports): number | undefined => reports.of(TABLET).get(one)?.commit;

test("a heartbeat that comes late, or twice, changes nothing and asks for nothing", () => {
  const reports = new Reports(() => null);
  reports.takeIn(SERVER, heartbeat(5, { full: true, replicas: [report(9)] }));
  const tombstone = { tabletId: TABLET, replicaId: one };
  for (const sequence of [4, 5]) {
    for (const late of [
      heartbeat(sequence, { full: true }),
      heartbeat(sequence, { full: true, replicas: [report(7)] }),
      heartbeat(sequence, { replicas: [report(7)] }),
      heartbeat(sequence, { destroyed: [tombstone] }),
    ]) {
      const taken = reports.takeIn(SERVER, late);
      expect(taken).toEqual({
        resend: false,
        tablets: new Set(),
        destroyed: [],
        becameKnown: false,
      });
      expect(commitIn(reports)).toBe(9);
    }
  }
  reports.takeIn(SERVER, heartbeat(6, { replicas: [report(10)] }));
  expect(commitIn(reports)).toBe(10);
});

test("the sequence begins anew with the boot, whose first report must be a full one", () => {
  const reports = new Reports(() => null);
  reports.takeIn(SERVER, heartbeat(5, { full: true, replicas: [report(9)] }));
  const again = { bootId: "second boot", replicas: [report(10)] };
  expect(reports.takeIn(SERVER, heartbeat(1, again))).toMatchObject({ resend: true });
  expect(commitIn(reports)).toBe(9);
  const taken = reports.takeIn(SERVER, heartbeat(2, { ...again, full: true }));
  expect(taken).toMatchObject({ resend: false, becameKnown: true });
  expect(commitIn(reports)).toBe(10);
});
