import { expect, test } from "vitest";
import { replicaId, serverId, tabletId } from "../ids.ts";
import type { Replica } from "./replica.ts";
import { decodeSnapshotFrame } from "./snapshot-frames.ts";
import { SnapshotCancelledError, SnapshotSender, type SnapshotLink } from "./snapshot-sender.ts";
import { DamagedReplicaError } from "./state-machine.ts";
import { StalledError } from "./stall-limit.ts";
import { StoreTurn } from "./store-turn.ts";
import { MemoryHost } from "./testing/memory-host.ts";

const TABLET = tabletId(7);
const one = replicaId(1);
const two = replicaId(2);
const OTHER = serverId("00000000-0000-4000-8000-000000000002");

async function replicaOfGroup(voters: number): Promise<{ server: MemoryHost; replica: Replica }> {
  const server = new MemoryHost();
  const host = await server.open();
  host.start();
  const members = [
    { replicaId: one, serverId: server.id },
    { replicaId: two, serverId: OTHER },
  ];
  const beginning = server.beginning(members.slice(0, voters));
  await server.within(host.createReplica(TABLET, one, beginning));
  const replica = host.group(TABLET) as Replica;
  if (voters === 1) {
    const machine = server.machines.machines.get(TABLET);
    await server.clock.runUntil(() => machine?.leadership.kind === "leader", 10_000);
    await server.within(
      new Promise<void>((resolve) => machine?.write("name", "value", () => resolve())),
    );
  }
  return { server, replica };
}

function senderOver(server: MemoryHost, link: SnapshotLink): SnapshotSender {
  const { clock, store, machines: factory } = server;
  return new SnapshotSender({ clock, store, turn: new StoreTurn(), factory, link });
}

const never: SnapshotLink = { send: () => new Promise(() => undefined) };

test("a leader streams its state, and its log is kept from there until the stream ends", async () => {
  const { server, replica } = await replicaOfGroup(1);
  const kinds: string[] = [];
  const pinned: (number | null)[] = [];
  const sender = senderOver(server, {
    send: async (_to, frames) => {
      for await (const frame of frames) {
        kinds.push(decodeSnapshotFrame(frame).kind);
        pinned.push(sender.pinnedIndex(replica));
      }
      return "installed";
    },
  });
  const { index } = replica.applied;
  expect(await server.within(sender.send(replica, two, OTHER))).toBe("installed");
  expect(kinds).toEqual(["header", "chunk", "end"]);
  expect(new Set(pinned)).toEqual(new Set([index]));
  expect(sender.pinnedIndex(replica)).toBeNull();
});

test("damaged data is not sent on", async () => {
  const { server, replica } = await replicaOfGroup(1);
  server.machines.checkEntry = () => {
    throw new DamagedReplicaError("a bad checksum");
  };
  const frames: string[] = [];
  const sender = senderOver(server, {
    send: async (_to, sent) => {
      for await (const frame of sent) frames.push(decodeSnapshotFrame(frame).kind);
      return "installed";
    },
  });
  const sending = sender.send(replica, two, OTHER);
  await expect(server.within(sending)).rejects.toBeInstanceOf(DamagedReplicaError);
  expect(frames).toEqual(["header"]);
  expect(sender.pinnedIndex(replica)).toBeNull();
});

test("a replica that leads no more sends nothing: its header would speak for another's term", async () => {
  const { server, replica } = await replicaOfGroup(2);
  const sending = senderOver(server, never).send(replica, two, OTHER);
  await expect(server.within(sending)).rejects.toBeInstanceOf(SnapshotCancelledError);
});

test("a destroyed replica sends nothing, since its data may be gone in part", async () => {
  const { server, replica } = await replicaOfGroup(1);
  await server.within(server.host.destroyReplica(TABLET, one));
  const sending = senderOver(server, never).send(replica, two, OTHER);
  await expect(server.within(sending)).rejects.toBeInstanceOf(SnapshotCancelledError);
});

test("two sendings of one state pin the log until both have ended, and a stall ends one", async () => {
  const { server, replica } = await replicaOfGroup(1);
  let finish = (): void => undefined;
  const sender = senderOver(server, {
    send: (to) =>
      to === OTHER
        ? new Promise((resolve) => {
            finish = () => resolve("installed");
          })
        : new Promise(() => undefined),
  });
  const answered = sender.send(replica, two, OTHER);
  const stuck = sender.send(replica, replicaId(3), server.id).catch((error: unknown) => error);
  await server.clock.runFor(100);
  finish();
  await server.within(answered);
  expect(sender.pinnedIndex(replica)).toBe(replica.applied.index);
  expect(await server.within(stuck)).toBeInstanceOf(StalledError);
  expect(sender.pinnedIndex(replica)).toBeNull();
});
