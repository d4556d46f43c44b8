/**
 * What idle groups cost: one process with three hosts in memory and a thousand groups of three members each. Run with
 * Node 24: `node shared/src/replication/idle-groups.bench.ts [groups] [seconds]`.
 */
import { must } from "../assert.ts";
import { MemoryStoreDisk } from "../checkpoint-store/testing/memory-checkpoint-store.ts";
import { delay, systemClock } from "../clock.ts";
import { MemoryLogDisk } from "../commit-log/testing/memory-log-disk.ts";
import { replicaId, serverId, tabletId, type ServerId } from "../ids.ts";
import { silentLog } from "../log.ts";
import type { Member } from "../raft/group-config.ts";
import { SeededRandom } from "../random.ts";
import type { RaftTransport } from "../rpc/channel-contract.ts";
import { timing } from "../timing.ts";
import { DEFAULT_HOST_LIMITS } from "./host-parts.ts";
import { ReplicaHost } from "./replica-host.ts";
import { newRegisterState, RegisterMachines } from "./testing/register-machine.ts";

const GROUPS = Number(process.argv[2] ?? 1000);
const SECONDS = Number(process.argv[3] ?? 10);
const random = new SeededRandom(1);
const clock = systemClock;
const hosts = new Map<ServerId, ReplicaHost>();
let messages = 0;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function openHost(): Promise<ServerId> {
  const id = serverId(random.uuid());
  const store = await new MemoryStoreDisk({ clock, random }).open();
  const transport: RaftTransport = {
    send: (to, _lane, envelopes) => {
      messages += envelopes.length;
      setImmediate(() => hosts.get(to)?.receive(id, envelopes));
    },
  };
  const host = await ReplicaHost.open({
    serverId: id,
    clock,
    random,
    timing: timing(),
    store,
    commitLog: { directory: new MemoryLogDisk({ random }).openDirectory() },
    transport,
    snapshotLink: { send: () => Promise.resolve("ignored") },
    factory: new RegisterMachines(store),
    limits: DEFAULT_HOST_LIMITS,
    log: silentLog,
    failed: (error) => {
      throw error;
    },
  });
  hosts.set(id, host);
  host.start();
  return id;
}

const servers = [await openHost(), await openHost(), await openHost()];
for (let group = 0; group < GROUPS; group++) {
  const voters: Member[] = servers.map((server, nth) => {
    return { serverId: server, replicaId: replicaId(group * 3 + nth + 1) };
  });
  await Promise.all(
    voters.map((voter) =>
      must(hosts.get(voter.serverId), "a host").createReplica(
        tabletId(group + 1),
        voter.replicaId,
        {
          kind: "bootstrap",
          config: { voters, outgoing: [], learners: [] },
          state: newRegisterState,
        },
      ),
    ),
  );
}
await delay(clock, 4_000);
const leaders = [...hosts.values()]
  .flatMap((host) => host.statuses())
  .filter(({ role }) => role === "leader");
print(`${GROUPS} groups, ${leaders.length} led`);

let longestMs = 0;
let last = performance.now();
const watch = setInterval(() => {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - last - 5);
  last = now;
}, 5);
messages = 0;
const before = process.cpuUsage();
const cycles = [...hosts.values()].map(({ counters }) => counters.cycles);
await delay(clock, SECONDS * 1000);
const { user, system } = process.cpuUsage(before);
const perSecond = (user + system) / 1e6 / SECONDS;
const cyclesNow = [...hosts.values()].map(({ counters }) => counters.cycles);
const ran = cyclesNow.reduce((sum, count, at) => sum + count - (cycles[at] ?? 0), 0);
print(`CPU: ${(perSecond * 1000).toFixed(0)} ms per second for three hosts`);
print(`messages: ${Math.round(messages / SECONDS)} per second, cycles: ${ran / SECONDS}`);
print(`longest stall of the event loop: ${longestMs.toFixed(1)} ms`);
clearInterval(watch);
for (const host of hosts.values()) await host.close();
