/** A host over disks in memory, and what its checkpoints keep, cut and free. */
import { describe, expect, test } from "vitest";
import {
  replicaId,
  serverId,
  spaceId,
  tabletId,
  term,
  type LogIndex,
  type TabletId,
} from "../ids.ts";
import type { Member } from "../raft/group-config.ts";
import type { Entry, RaftMessage } from "../raft/messages.ts";
import type { ReplicaHost } from "./replica-host.ts";
import type { Replica } from "./replica.ts";
import { encodeSnapshotEnd, encodeSnapshotHeader } from "./snapshot-frames.ts";
import { MemoryHost } from "./testing/memory-host.ts";
import { newRegisterState } from "./testing/register-machine.ts";

const BUSY = tabletId(1);
const IDLE = tabletId(2);
const FOLLOWING = tabletId(3);
/** Of the third group; nobody hosts it. */
const LEADER: Member = {
  replicaId: replicaId(9),
  serverId: serverId("00000000-0000-4000-8000-000000000009"),
};
const VALUE = "x".repeat(500);

async function twoGroups(
  retainedLogBytes: number,
): Promise<{ server: MemoryHost; host: ReplicaHost }> {
  const never = 1 << 30;
  const server = new MemoryHost({
    retainedLogBytes,
    checkpointBytes: never,
    checkpointIntervalMs: never,
  });
  const host = await server.open();
  host.start();
  for (const tablet of [BUSY, IDLE]) {
    const id = replicaId(tablet);
    const beginning = server.beginning([{ replicaId: id, serverId: server.id }]);
    await server.within(host.createReplica(tablet, id, beginning));
    await server.clock.runUntil(() => leads(server, tablet), 10_000);
  }
  return { server, host };
}

function leads(server: MemoryHost, tablet: TabletId): boolean {
  return server.machines.machines.get(tablet)?.leadership.kind === "leader";
}

async function write(server: MemoryHost, tablet: TabletId, count: number): Promise<void> {
  const machine = server.machines.machines.get(tablet);
  for (let number = 0; number < count; number++) {
    await server.within(
      new Promise<void>((resolve) => machine?.write(`${number}`, VALUE, () => resolve())),
    );
  }
}

const ignore = (): void => undefined;
const replicaOf = (host: ReplicaHost, tablet: TabletId): Replica => host.group(tablet) as Replica;

/** Each segment takes about thirty of these entries. */
const SEGMENTS = 30;

describe("a checkpoint", () => {
  test("cuts a log only below the position that the checkpoint before has proven", async () => {
    const { server, host } = await twoGroups(0);
    await write(server, BUSY, 10);
    const replica = replicaOf(host, BUSY);
    await server.within(host.checkpoint());
    const proven = replica.applied.index;
    expect(replica.log.firstIndex).toBe(2);
    await write(server, BUSY, 10);
    await server.within(host.checkpoint());
    expect(replica.log.firstIndex).toBe(proven + 1);
    expect(replica.applied.index).toBeGreaterThan(proven);
  });

  test("keeps the newest entries for followers that are a little behind", async () => {
    const { server, host } = await twoGroups(5 * VALUE.length);
    await write(server, BUSY, 20);
    await server.within(host.checkpoint());
    await server.within(host.checkpoint());
    const { log } = replicaOf(host, BUSY);
    expect(log.bytes).toBeGreaterThan(4 * VALUE.length);
    expect(log.bytes).toBeLessThanOrEqual(5 * VALUE.length);
  });

  test("frees segments, also those that an idle replica alone still has entries in", async () => {
    const { server, host } = await twoGroups(1 << 30);
    await write(server, IDLE, 3);
    await write(server, BUSY, 8 * SEGMENTS);
    const idle = replicaOf(host, IDLE);
    const busy = replicaOf(host, BUSY);
    await server.within(host.checkpoint());
    expect([idle.log.firstIndex, host.counters.freedSegments]).toEqual([2, 0]);
    await server.within(host.checkpoint());
    expect(idle.log.firstIndex).toBe(idle.applied.index + 1);
    expect(busy.log.firstIndex).toBe(busy.applied.index + 1);
    expect(host.counters.freedSegments).toBeGreaterThan(3);
  });

  test("never frees what a recovery from any of its own moments needs", async () => {
    for (let steps = 0; steps < 120; steps += 3) {
      const { server, host } = await twoGroups(0);
      await write(server, IDLE, 3);
      await write(server, BUSY, 3 * SEGMENTS);
      await server.within(host.checkpoint());
      await write(server, BUSY, SEGMENTS);
      const before = host.statuses().map(({ applied }) => applied);
      void host.checkpoint();
      for (let step = 0; step < steps; step++) await server.clock.step();
      const again = await server.restart(steps % 2 === 0 ? "power" : "process");
      expect([...again.suspects()]).toEqual([]);
      again.start();
      await server.clock.runUntil(() => leads(server, BUSY) && leads(server, IDLE), 20_000);
      const after = again.statuses().map(({ applied }) => applied);
      after.forEach((applied, at) => expect(applied).toBeGreaterThan(before[at] ?? 0));
      const busy = await server.within(server.machines.machines.get(BUSY)?.contents() ?? reject());
      expect(busy).toHaveLength(3 * SEGMENTS);
      expect(server.failures).toEqual([]);
    }
  });

  test.each([
    [
      "destroyed",
      (host: ReplicaHost) => void host.destroyReplica(BUSY, replicaId(BUSY)).catch(ignore),
    ],
    ["marked as damaged", (host: ReplicaHost) => replicaOf(host, BUSY).reportDamage("a test")],
  ])("frees nothing that a replica needs while it is being %s", async (_, end) => {
    for (let endAt = 2; endAt <= 10; endAt++) {
      for (const crashAt of [endAt + 6, endAt + 8]) {
        const { server, host } = await twoGroups(0);
        // More than an idle group keeps for itself.
        await write(server, BUSY, 5 * SEGMENTS);
        await server.within(host.checkpoint());
        await write(server, BUSY, SEGMENTS);
        const { lastIndex } = replicaOf(host, BUSY).raft;
        void host.checkpoint().catch(ignore);
        for (let step = 0; step < crashAt; step++) {
          if (step === endAt) end(host);
          await server.clock.step();
        }
        const again = await server.restart("power");
        const suspect = [...again.suspects()].find(({ tabletId: tablet }) => tablet === BUSY);
        expect([undefined, "a test"]).toContain(suspect?.reason);
        if (suspect !== undefined || again.tombstones().has(BUSY)) continue;
        expect(replicaOf(again, BUSY).raft.lastIndex).toBe(lastIndex);
      }
    }
  });

  test("frees no segment with the creation of a replica that is not in the store yet", async () => {
    const { server, host } = await twoGroups(0);
    await write(server, BUSY, 1);
    await write(server, IDLE, 1);
    // Cuts them away: from here on no entry holds a segment back.
    await server.within(host.checkpoint());
    await server.within(host.checkpoint());
    const store = slowStore(server);
    const first = create(server, host, [10]);
    await server.clock.runUntil(() => store.isWaiting(), 1000);
    // Its turn comes behind that of the first creation, and in front of those of the others.
    const checkpoint = host.checkpoint();
    const { logBatches } = host.counters;
    const second = create(server, host, idsFrom(11));
    await server.clock.runUntil(() => host.counters.logBatches === logBatches + 1, 1000);
    const third = create(server, host, idsFrom(11 + MANY));
    await server.clock.runUntil(() => host.counters.logBatches === logBatches + 2, 1000);
    store.goOn();
    await server.within(Promise.all([checkpoint, first, second, third]));
    const again = await server.restart("power");
    expect([...again.groups()]).toHaveLength(3 + 2 * MANY);
  });

  test("holds the log that a snapshot replaces until the snapshot's record is durable", async () => {
    const { server, host } = await twoGroups(0);
    const { replica, lastIndex } = await followerWithEntries(server, host);
    // More than any other group keeps: the follower alone needs the oldest segment.
    await write(server, BUSY, 5 * SEGMENTS);
    await server.within(host.checkpoint());
    await server.clock.runFor(1_000);
    // The record is slow to reach the disk, and never does.
    server.logDisk.stallNext(1_000);
    server.logDisk.failStep("write");
    void host.receiveSnapshot(snapshotFor(replica, lastIndex + 30)).catch(ignore);
    expect(await server.clock.runUntil(() => !replica.mayApply, 500)).toBe(true);
    const proven = host.counters.checkpoints + 1;
    void host.checkpoint().catch(ignore);
    await server.clock.runUntil(() => host.counters.checkpoints === proven, 500);
    expect([host.counters.checkpoints, server.failures]).toEqual([proven, []]);
    await server.clock.runFor(2_000);
    expect(server.failures).toHaveLength(1);
    const again = await server.restart("power");
    expect([...again.suspects()]).toEqual([]);
    expect(replicaOf(again, FOLLOWING).raft.lastIndex).toBe(lastIndex);
  });

  test("records what the log holds durably, not what the core has only decided", async () => {
    const { server, host } = await twoGroups(0);
    const replica = replicaOf(host, BUSY);
    const { term } = replica.raft;
    // A vote request of a far term: the core takes the term up at once, the log a little later.
    replica.raft.step({
      kind: "vote",
      from: replicaId(9),
      to: replica.replicaId,
      term: (term + 5) as typeof term,
      lastIndex: replica.raft.lastIndex,
      lastTerm: term,
      transfer: true,
    });
    expect(replica.raft.term).toBe(term + 5);
    expect(replica.logState.hardState.term).toBe(term);
    await write(server, IDLE, 1);
    host.receive(server.id, []);
    await server.clock.runFor(200);
    expect(replica.logState.hardState.term).toBeGreaterThan(term);
  });
});

/** The next write to the store waits. */
function slowStore({ store }: MemoryHost): { isWaiting(): boolean; goOn(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const write = store.write.bind(store);
  let isWaiting = false;
  store.write = async (batch) => {
    isWaiting = true;
    await promise;
    return write(batch);
  };
  return { isWaiting: () => isWaiting, goOn: resolve };
}

/** A replica whose leader is elsewhere, and to which it acknowledged entries that are not committed. */
async function followerWithEntries(
  server: MemoryHost,
  host: ReplicaHost,
): Promise<{ replica: Replica; lastIndex: LogIndex }> {
  const id = replicaId(FOLLOWING);
  const beginning = server.beginning([{ replicaId: id, serverId: server.id }, LEADER]);
  await server.within(host.createReplica(FOLLOWING, id, beginning));
  const replica = replicaOf(host, FOLLOWING);
  const prevIndex = replica.raft.lastIndex;
  const entries = [1, 2, 3].map((nth): Entry => {
    const index = (prevIndex + nth) as LogIndex;
    return { index, term: term(1), kind: "command", payload: Buffer.from("name\0value") };
  });
  const message: RaftMessage = {
    kind: "append",
    from: LEADER.replicaId,
    to: id,
    term: term(1),
    prevIndex,
    prevTerm: term(1),
    commit: prevIndex,
    entries,
  };
  host.receive(LEADER.serverId, [{ tabletId: FOLLOWING, message }]);
  const lastIndex = (prevIndex + entries.length) as LogIndex;
  expect(await server.clock.runUntil(() => acknowledged(server, lastIndex), 1_000)).toBe(true);
  return { replica, lastIndex };
}

function acknowledged({ sent }: MemoryHost, index: LogIndex): boolean {
  return sent.some(({ message }) => {
    if (message.kind !== "append-reply") return false;
    return message.outcome.kind === "accepted" && message.outcome.match === index;
  });
}

/** The state of a group without rows, as its leader streams it. */
async function* snapshotFor(replica: Replica, index: number): AsyncGenerator<Buffer> {
  const { config, configIndex } = replica.raft;
  const { voters, outgoing, learners } = config;
  await Promise.resolve();
  yield encodeSnapshotHeader({
    tabletId: replica.tabletId,
    from: LEADER.replicaId,
    to: replica.replicaId,
    term: 1,
    index,
    indexTerm: 1,
    configIndex,
    config: { voters: [...voters], outgoing: [...outgoing], learners: [...learners] },
    machineState: newRegisterState(spaceId(99)).toString("base64"),
  });
  yield encodeSnapshotEnd(0, 0);
}

/** Creations that fill a segment. */
const MANY = 100;
const idsFrom = (first: number): number[] => Array.from({ length: MANY }, (_, at) => first + at);

async function create(
  server: MemoryHost,
  host: ReplicaHost,
  ids: readonly number[],
): Promise<void> {
  const created = ids.map((id) => {
    const beginning = server.beginning([{ replicaId: replicaId(id), serverId: server.id }]);
    return host.createReplica(tabletId(id), replicaId(id), beginning);
  });
  await Promise.all(created);
}

function reject(): Promise<never> {
  return Promise.reject(new Error("no machine"));
}
