import { beforeEach, describe, expect, test } from "vitest";
import { logIndex, replicaId, serverId, tabletId, term } from "../ids.ts";
import type { Heartbeat } from "../raft/messages.ts";
import type { ReplicaHost } from "./replica-host.ts";
import { MemoryHost } from "./testing/memory-host.ts";

const TABLET = tabletId(7);
const [self, leader] = [replicaId(1), replicaId(2)];
const PEER = serverId("00000000-0000-4000-8000-000000000002");

let server: MemoryHost;
let host: ReplicaHost;

beforeEach(async () => {
  server = new MemoryHost();
  host = await server.open();
  host.start();
  const members = [
    { replicaId: self, serverId: server.id },
    { replicaId: leader, serverId: PEER },
  ];
  await server.within(host.createReplica(TABLET, self, server.beginning(members)));
});

const heartbeat = (commit: number, ofTerm: number): Heartbeat => ({
  kind: "heartbeat",
  from: leader,
  to: self,
  term: term(ofTerm),
  commit: logIndex(commit),
  round: 1,
});

async function receive(message: Heartbeat): Promise<void> {
  host.receive(PEER, [{ tabletId: TABLET, message }]);
  await server.clock.runUntil(() => false, 20);
}

describe("a leader that calls committed what the log of its follower lacks", () => {
  test("proves that the follower lost what it acknowledged: it is suspect, also after a restart", async () => {
    const end = host.group(TABLET)?.status().lastIndex ?? 0;
    await receive(heartbeat(end, 5));
    expect(host.group(TABLET)?.status()).toMatchObject({ term: 5, leader: { replicaId: leader } });
    await receive(heartbeat(end + 1, 5));
    await receive(heartbeat(end + 1, 5));
    expect(host.group(TABLET)).toBeNull();
    const mark = { tabletId: TABLET, replicaId: self, reason: expect.stringContaining("ends at") };
    expect([...host.suspects()]).toMatchObject([mark]);
    expect(server.failures).toEqual([]);
    await server.clock.runUntil(() => host.counters.checkpoints > 0, 5_000);
    const again = await server.restart("process");
    expect(again.group(TABLET)).toBeNull();
    expect([...again.suspects()]).toMatchObject([mark]);
  });

  test("proves nothing when its term is over", async () => {
    const end = host.group(TABLET)?.status().lastIndex ?? 0;
    await receive(heartbeat(end, 5));
    await receive(heartbeat(end + 1, 4));
    expect(host.group(TABLET)?.status().term).toBe(5);
    expect(server.failures).toEqual([]);
  });
});
