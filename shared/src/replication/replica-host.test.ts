import { describe, expect, test } from "vitest";
import { LogFailedError } from "../commit-log/commit-log.ts";
import { replicaId, serverId, tabletId, term, type LogIndex } from "../ids.ts";
import type { ReplicaHost } from "./replica-host.ts";
import {
  encodeSnapshotChunk,
  encodeSnapshotEnd,
  encodeSnapshotHeader,
  type SnapshotHeader,
} from "./snapshot-frames.ts";
import { HostStoppedError } from "./store-turn.ts";
import { MemoryHost } from "./testing/memory-host.ts";
import type { RegisterMachine, WriteOutcome } from "./testing/register-machine.ts";
import { crc32 } from "node:zlib";

const TABLET = tabletId(7);
const one = replicaId(1);
const two = replicaId(2);

async function singleVoter(limits: ConstructorParameters<typeof MemoryHost>[0] = {}): Promise<{
  server: MemoryHost;
  host: ReplicaHost;
}> {
  const server = new MemoryHost(limits);
  const host = await server.open();
  host.start();
  const beginning = server.beginning([{ replicaId: one, serverId: server.id }]);
  await server.within(host.createReplica(TABLET, one, beginning));
  await server.clock.runUntil(() => host.group(TABLET)?.status().role === "leader", 5_000);
  await server.clock.runUntil(() => machineOf(server).leadership.kind === "leader", 5_000);
  return { server, host };
}

function machineOf(server: MemoryHost): RegisterMachine {
  const machine = server.machines.machines.get(TABLET);
  if (machine === undefined) throw new Error("no machine");
  return machine;
}

function write(server: MemoryHost, value: string): Promise<WriteOutcome> {
  return server.within(new Promise((resolve) => machineOf(server).write("name", value, resolve)));
}

describe("creating and destroying replicas", () => {
  test("a replica is durable when its creation resolves, also for who asks a second time", async () => {
    const server = new MemoryHost();
    const host = await server.open();
    host.start();
    const beginning = server.beginning([{ replicaId: one, serverId: server.id }]);
    const first = host.createReplica(TABLET, one, beginning);
    expect(await server.within(host.createReplica(TABLET, one, beginning))).toBe("exists");
    const again = await server.restart("power");
    expect(again.group(TABLET)?.replicaId).toBe(one);
    void first;
  });

  test("a tombstone is durable when destroying resolves, also for who asks a second time", async () => {
    const { server, host } = await singleVoter();
    void host.destroyReplica(TABLET, one);
    await server.within(host.destroyReplica(TABLET, one));
    const again = await server.restart("power");
    expect(again.group(TABLET)).toBeNull();
    again.start();
    const creation = again.createReplica(TABLET, one, { kind: "await-snapshot" });
    expect(await server.within(creation)).toBe("buried");
  });

  test("a replica that is destroyed while it is being created never begins", async () => {
    const server = new MemoryHost();
    const host = await server.open();
    host.start();
    const creation = host.createReplica(TABLET, one, { kind: "await-snapshot" });
    const destruction = host.destroyReplica(TABLET, one);
    const successor = host.createReplica(TABLET, two, { kind: "await-snapshot" });
    expect(await server.within(creation)).toBe("buried");
    await server.within(destruction);
    expect(await server.within(successor)).toBe("created");
    expect(host.group(TABLET)?.replicaId).toBe(two);
    const again = await server.restart("process");
    expect(again.group(TABLET)?.replicaId).toBe(two);
  });

  test("destroying a lower replica id leaves a higher one, sound or suspect, as it is", async () => {
    const server = new MemoryHost();
    const host = await server.open();
    host.start();
    await server.within(host.createReplica(TABLET, two, { kind: "await-snapshot" }));
    await server.within(host.destroyReplica(TABLET, one));
    expect(host.group(TABLET)?.replicaId).toBe(two);
    host.group(TABLET)?.reportDamage("a test says so");
    await server.within(host.destroyReplica(TABLET, replicaId(0)));
    expect([...host.suspects()].map(({ replicaId: id }) => id)).toEqual([two]);
    await server.within(host.checkpoint());
    const again = await server.restart("power");
    expect([...again.suspects()].map(({ replicaId: id }) => id)).toEqual([two]);
    expect(await server.within(again.createReplica(TABLET, two, { kind: "await-snapshot" }))).toBe(
      "exists",
    );
  });

  test("the data of a destroyed replica is deleted", async () => {
    const { server, host } = await singleVoter();
    expect(await write(server, "value")).toMatchObject({ kind: "acknowledged" });
    const machine = machineOf(server);
    await server.within(host.destroyReplica(TABLET, one));
    await server.clock.runFor(1_000);
    expect(await server.within(machine.contents())).toEqual([]);
  });

  test("a destroyed leader hears nothing any more and leads nobody", async () => {
    const { server, host } = await singleVoter();
    const machine = machineOf(server);
    const outcomes: string[] = [];
    for (let number = 0; number < 20; number++) {
      machine.write("name", `${number}`, ({ kind }) => outcomes.push(kind));
    }
    // Committed and being applied: the machine must not be told that it leads behind its end.
    await server.clock.runUntil(() => host.counters.appliedEntries > 1, 5_000);
    const group = host.group(TABLET);
    await server.within(host.destroyReplica(TABLET, one));
    await server.clock.runFor(1_000);
    expect(machine.leadership.kind).toBe("follower");
    expect(outcomes).toHaveLength(20);
    expect(await server.within(group?.readBarrier() ?? Promise.reject(new Error()))).toBe(
      "not-leader",
    );
    expect(group?.propose(Buffer.from("x"), term(1))).toMatchObject({ kind: "refused" });
  });
});

describe("the end of a host", () => {
  test("closes while everything is under way, and loses nothing that was acknowledged", async () => {
    const { server, host } = await singleVoter();
    const machine = machineOf(server);
    const outcomes: WriteOutcome["kind"][] = [];
    for (let number = 1; number <= 50; number++) {
      machine.write("name", `${number}`, ({ kind }) => outcomes.push(kind));
      await server.clock.runFor(1);
    }
    void host.checkpoint();
    const creation = host
      .createReplica(tabletId(8), two, { kind: "await-snapshot" })
      .catch((error: unknown) => error);
    const read = machine.read("name").catch(() => undefined);
    await server.within(host.close());
    const created = await server.within(creation);
    expect(created === "created" || created instanceof HostStoppedError).toBe(true);
    await server.within(read);
    expect(outcomes).toHaveLength(50);
    expect(server.failures).toEqual([]);
    await expect(
      host.createReplica(tabletId(9), two, { kind: "await-snapshot" }),
    ).rejects.toBeInstanceOf(HostStoppedError);
    await server.open();
    const contents = await server.within(machineOf(server).contents());
    const applied = Number(contents[0]?.split("=")[1] ?? 0);
    expect(applied).toBeGreaterThanOrEqual(
      outcomes.filter((outcome) => outcome === "acknowledged").length,
    );
  });

  test("a failed sync fails the host once, and acknowledges nothing behind it", async () => {
    const { server, host } = await singleVoter();
    expect(await write(server, "before")).toMatchObject({ kind: "acknowledged" });
    server.logDisk.failStep("sync");
    const machine = machineOf(server);
    const outcome = write(server, "behind");
    const creation = host.createReplica(tabletId(8), two, { kind: "await-snapshot" });
    const read = machine.read("name");
    await expect(server.within(creation)).rejects.toThrow();
    expect(await outcome).toEqual({ kind: "unknown" });
    await server.within(read.catch(() => undefined));
    expect(server.failures).toHaveLength(1);
    expect(server.failures[0]).toBeInstanceOf(LogFailedError);
    await server.clock.runFor(5_000);
    expect(server.failures).toHaveLength(1);
    await server.within(host.close());
  });
});

describe("leadership", () => {
  test("a refused transfer does not cost the term its lease", async () => {
    const { server, host } = await singleVoter();
    const group = host.group(TABLET);
    await server.clock.runFor(500);
    expect(group?.holdsLease()).toBe(true);
    expect(group?.transferLeadership(two)).toMatchObject({ kind: "refused" });
    expect(group?.holdsLease()).toBe(true);
  });

  test("a restarted single voter serves on a lease only after it leads again", async () => {
    const { server } = await singleVoter();
    const again = await server.restart("power");
    expect(again.group(TABLET)?.holdsLease()).toBe(false);
    again.start();
    await server.clock.runUntil(() => again.group(TABLET)?.holdsLease() === true, 10_000);
    expect(machineOf(server).leadership.kind).toBe("leader");
  });
});

describe("receiving a snapshot", () => {
  const entries: [Buffer, Buffer][] = [[Buffer.from("name"), Buffer.from("from the leader")]];

  function framesOf(server: MemoryHost, index: number): Buffer[] {
    const state = { space: 99, count: 1, digest: 5 };
    const header: SnapshotHeader = {
      tabletId: TABLET,
      from: 1,
      to: 2,
      term: 3,
      index,
      indexTerm: 3,
      configIndex: 1,
      config: {
        voters: [{ replicaId: one, serverId: serverId(server.random.uuid()) }],
        outgoing: [],
        learners: [{ replicaId: two, serverId: server.id }],
      },
      machineState: Buffer.from(JSON.stringify(state)).toString("base64"),
    };
    const chunk = encodeSnapshotChunk(entries);
    return [encodeSnapshotHeader(header), chunk, encodeSnapshotEnd(1, crc32(chunk))];
  }

  async function waiting(): Promise<{ server: MemoryHost; host: ReplicaHost }> {
    const server = new MemoryHost();
    const host = await server.open();
    host.start();
    await server.within(host.createReplica(TABLET, two, { kind: "await-snapshot" }));
    return { server, host };
  }

  async function* streamed(frames: readonly Buffer[]): AsyncGenerator<Buffer> {
    for (const frame of frames) {
      await Promise.resolve();
      yield frame;
    }
  }

  test("entries wait for the state, and the state is readable once it is installed", async () => {
    const { server, host } = await waiting();
    const payload = Buffer.from("name\u0000entry");
    const append = (prevIndex: number): void => {
      host.receive(server.id, [
        {
          tabletId: TABLET,
          message: {
            kind: "append",
            from: one,
            to: two,
            term: term(3),
            prevIndex: prevIndex as LogIndex,
            prevTerm: term(prevIndex === 0 ? 0 : 3),
            commit: 0 as LogIndex,
            entries: [
              { index: (prevIndex + 1) as LogIndex, term: term(3), kind: "command", payload },
            ],
          },
        },
      ]);
    };
    append(0);
    await server.clock.runFor(100);
    expect(host.statuses()[0]).toMatchObject({ lastIndex: 0, awaitingSnapshot: true });
    const answer = host.receiveSnapshot(streamed(framesOf(server, 40)));
    expect(await server.within(answer)).toBe("installed");
    append(40);
    await server.clock.runFor(100);
    expect(host.statuses()[0]).toMatchObject({
      applied: 40,
      lastIndex: 41,
      awaitingSnapshot: false,
    });
    expect(await server.within(machineOf(server).contents())).toEqual(["name=from the leader"]);
  });

  test("a state that the replica has already counts as installed, or it would be sent for ever", async () => {
    const { server, host } = await waiting();
    await server.within(host.receiveSnapshot(streamed(framesOf(server, 40))));
    const again = host.receiveSnapshot(streamed(framesOf(server, 40)));
    expect(await server.within(again)).toBe("installed");
    expect(host.counters.snapshotsInstalled).toBe(1);
  });

  test("a stream that is cut, changed or stands still leaves nothing behind", async () => {
    const { server, host } = await waiting();
    const frames = framesOf(server, 40);
    const changed = [...frames.slice(0, 2), encodeSnapshotEnd(1, 12345)];
    for (const bad of [frames.slice(0, 2), frames.slice(1), changed, []]) {
      await expect(server.within(host.receiveSnapshot(streamed(bad)))).rejects.toThrow();
    }
    const still = (async function* (): AsyncGenerator<Buffer> {
      yield* frames.slice(0, 2);
      await new Promise<void>(() => undefined);
    })();
    await expect(server.within(host.receiveSnapshot(still))).rejects.toThrow("nothing moved");
    await server.clock.runFor(1_000);
    const all = server.store.iterate({
      start: Buffer.of(0x10),
      end: Buffer.of(0xff),
      reverse: false,
    });
    expect(await server.within(all.next(10, 1000))).toEqual([]);
    await server.within(all.close());
  });

  test("a replica that is destroyed on the way answers, and its staged data is deleted", async () => {
    const { server, host } = await waiting();
    const frames = framesOf(server, 40);
    for (let turns = 0; turns < 40; turns++) {
      const at = replicaId(2 + turns);
      const answer = host.receiveSnapshot(streamed(readdressed(frames, at)));
      for (let step = 0; step < turns; step++) await server.clock.step();
      await server.within(host.destroyReplica(TABLET, at));
      expect(await server.within(answer)).toMatch(/installed|ignored/);
      const next = replicaId(3 + turns);
      await server.within(host.createReplica(TABLET, next, { kind: "await-snapshot" }));
    }
    await server.clock.runFor(2_000);
    const all = server.store.iterate({
      start: Buffer.of(0x10),
      end: Buffer.of(0xff),
      reverse: false,
    });
    expect(await server.within(all.next(10, 1000))).toEqual([]);
    await server.within(all.close());
    expect(server.failures).toEqual([]);
  });

  function readdressed(frames: readonly Buffer[], to: number): Buffer[] {
    const header = JSON.parse((frames[0] as Buffer).toString("utf8", 1)) as SnapshotHeader;
    return [encodeSnapshotHeader({ ...header, to }), ...frames.slice(1)];
  }

  test("a crash at any moment leaves the old state or the new one, whole", async () => {
    const outcomes = new Set<number>();
    for (let steps = 0; steps < 60; steps++) {
      const { server, host } = await waiting();
      void host.receiveSnapshot(streamed(framesOf(server, 40))).catch(() => undefined);
      for (let step = 0; step < steps; step++) await server.clock.step();
      const again = await server.restart(steps % 2 === 0 ? "power" : "process");
      const status = again.statuses()[0];
      outcomes.add(status?.applied ?? -1);
      again.start();
      // Long enough for the garbage to be collected.
      await server.clock.runFor(2_000);
      const contents =
        status?.awaitingSnapshot === true ? [] : await server.within(machineOf(server).contents());
      expect(contents).toEqual(status?.applied === 40 ? ["name=from the leader"] : []);
      expect(server.failures).toEqual([]);
    }
    expect(outcomes).toEqual(new Set([0, 40]));
  });
});
