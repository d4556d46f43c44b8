import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { parseServerConfig } from "../config.ts";
import type { ServerConfig } from "../config-knobs.ts";
import { replicaId, tabletId } from "../ids.ts";
import { silentLog } from "../log.ts";
import { newRegisterState, RegisterMachines } from "../replication/testing/register-machine.ts";
import { QueuedRaftTransport } from "../rpc/raft-transport.ts";
import { openHost } from "./open-host.ts";
import type { OpenedHost } from "./open-host.ts";
import type { ServerWorld } from "./server-world.ts";
import { openServerWorld } from "./system-world.adapter.ts";

const TABLET = tabletId(7);

let path: string;
let world: ServerWorld;
let opened: OpenedHost<RegisterMachines> | null;

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), "stele-host-"));
  world = await openServerWorld("tablet-server", configOf(path));
  opened = null;
});
afterEach(async () => {
  await close();
  await world.close();
  rmSync(path, { recursive: true, force: true });
});

function configOf(dataDir: string): ServerConfig {
  const parsed = parseServerConfig("tablet-server", ["--data-dir", dataDir], {});
  if (parsed.kind !== "config") throw new Error(parsed.text);
  return parsed.config;
}

async function open(): Promise<OpenedHost<RegisterMachines>> {
  opened = await openHost(
    { ...world, log: silentLog },
    {
      config: configOf(path),
      machines: (store) => new RegisterMachines(store),
      transport: (sender) =>
        new QueuedRaftTransport({
          clock: systemClock,
          exchange: { post: () => () => undefined },
          urls: { urlOf: () => null },
          inbox: { receive: () => undefined, unreachable: () => undefined },
          clusterId: () => "",
          sender,
        }),
      snapshotLink: { send: () => Promise.resolve("ignored") },
      failed: (error) => {
        throw error;
      },
    },
  );
  return opened;
}

async function close(): Promise<void> {
  await opened?.host.close();
  await opened?.store.close();
  opened?.transport.close();
  opened = null;
}

test("a store whose records of the host cannot be read is kept aside, like one that cannot be opened", async () => {
  const { host } = await open();
  host.start();
  const { serverId } = world.directory.identity;
  await host.createReplica(TABLET, replicaId(1), {
    kind: "bootstrap",
    config: {
      voters: [{ replicaId: replicaId(1), serverId }],
      outgoing: [],
      learners: [],
    },
    state: newRegisterState,
  });
  await close();
  const tables = readdirSync(join(path, "store")).filter((name) => name.endsWith(".ldb"));
  expect(tables).not.toEqual([]);
  for (const name of tables) {
    const bytes = readFileSync(join(path, "store", name));
    // The magic number at the end.
    writeFileSync(join(path, "store", name), bytes.fill(0, bytes.length - 8));
  }
  const again = await open();
  expect(again.host.group(TABLET)).toBeNull();
  expect(world.directory.identity.serverId).not.toBe(serverId);
  expect(readdirSync(join(path, `set-aside-${serverId}`))).toContain("store");
});
