/**
 * What goes wrong in a simulated run, drawn from its seed: processes, network, disks. Losses of what was
 * acknowledged stay within what the groups can bear: one replica at a time.
 */
import { DiskError } from "../../commit-log/testing/memory-files.ts";
import { isJoint } from "../../raft/group-config.ts";
import type { MembershipDriver } from "./membership-driver.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedServer } from "./simulated-server.ts";

export class FaultInjection {
  readonly #cluster: SimulatedCluster;
  readonly #drivers: readonly MembershipDriver[];
  #isOver = false;

  constructor(cluster: SimulatedCluster, drivers: readonly MembershipDriver[]) {
    this.#cluster = cluster;
    this.#drivers = drivers;
  }

  step(): void {
    const { random, servers } = this.#cluster;
    const server = servers[random.below(servers.length)] as SimulatedServer;
    switch (random.below(24)) {
      case 0:
      case 1:
      case 2:
        return this.#crash(server);
      case 3:
        return this.#crashJointLeader();
      case 4:
        return this.#pause(server);
      case 5:
      case 6:
        return this.#cut(server);
      case 7:
      case 8:
        return this.#cluster.network.heal();
      case 9:
        return this.#worsenNetwork();
      case 10:
        return this.#failDisk(server);
      case 11:
        return this.#stall(server);
      case 14:
        return this.#isolateAfterTransfer();
      case 12:
      case 13:
        return this.#damage(server);
      default:
        for (const each of servers) if (!each.isAlive) this.#restart(each);
    }
  }

  /** Everybody loses power at once. */
  losePowerEverywhere(): void {
    if (this.#isOver) return;
    this.#cluster.marks.add("power lost everywhere");
    for (const server of this.#cluster.servers) server.crash("power");
  }

  /** Heals what can be healed. */
  end(): void {
    this.#isOver = true;
    this.#cluster.network.heal();
    for (const server of this.#cluster.servers) {
      server.resume();
      server.logDisk.limitCapacity(Number.POSITIVE_INFINITY);
      if (server.tainted) server.crash("process");
      if (!server.isAlive) this.#restart(server);
    }
  }

  /** After `end`: servers that fell to an earlier fault come back. */
  keepUp(): void {
    for (const server of this.#cluster.servers) if (!server.isAlive) this.#restart(server);
  }

  #restart(server: SimulatedServer): void {
    server.logDisk.limitCapacity(Number.POSITIVE_INFINITY);
    void server.start();
  }

  #crash(server: SimulatedServer): void {
    const { marks, random } = this.#cluster;
    if (!server.isAlive) return;
    marks.add(server.host === null ? "crash during recovery" : "crash");
    server.crash(random.below(2) === 0 ? "process" : "power");
  }

  #crashJointLeader(): void {
    for (const driver of this.#drivers) {
      const lead = driver.lead();
      if (lead === null || !isJoint(lead.status.config)) continue;
      const server = this.#cluster.servers.find(({ id }) => id === lead.group.serverId);
      if (server === undefined) continue;
      this.#cluster.marks.add("leader crashed in a joint config");
      return this.#crash(server);
    }
  }

  #pause(server: SimulatedServer): void {
    const { line, random, marks } = this.#cluster;
    if (!server.isAlive || server.isPaused) return;
    marks.add("pause");
    server.pause();
    line.after(100 + random.below(2_500), () => server.resume());
  }

  #cut(server: SimulatedServer): void {
    const { random, servers, network } = this.#cluster;
    const other = servers[random.below(servers.length)] as SimulatedServer;
    network.cut(server.id, other.id);
    if (random.below(2) === 0) network.cut(other.id, server.id);
  }

  #worsenNetwork(): void {
    const { random, network } = this.#cluster;
    network.lossPercent = random.below(30);
    network.duplicatePercent = random.below(30);
    network.delayMsMax = 1 + random.below(100);
  }

  /** The host must fail, and its server comes back. */
  #failDisk(server: SimulatedServer): void {
    const { random, marks } = this.#cluster;
    if (server.host === null) return;
    switch (random.below(4)) {
      case 0:
        marks.add("log disk full");
        return server.logDisk.limitCapacity(4 * 1024);
      case 1:
        marks.add("store write failed");
        return server.storeDisk.failWrites(new DiskError("ENOSPC", "the store"));
      default:
        marks.add("log sync failed");
        return server.logDisk.failStep("sync", 1 + random.below(3));
    }
  }

  /** Often with a crash in the middle: what the core has decided meanwhile is nowhere. */
  #stall(server: SimulatedServer): void {
    const { line, random, marks } = this.#cluster;
    marks.add("disk stalled");
    server.stallMs = 1_000 + random.below(4_000);
    if (random.below(2) === 0) return;
    line.after(50 + random.below(900), () => {
      if (!this.#isOver) this.#crash(server);
    });
  }

  /** The old leader hears of nobody any more, and must not take itself for the leader. */
  #isolateAfterTransfer(): void {
    const { line, random, marks, network, servers } = this.#cluster;
    for (const driver of this.#drivers) {
      const lead = driver.lead();
      if (lead === null || !driver.maybeTransfer()) continue;
      marks.add("old leader cut off in a transfer");
      line.after(1 + random.below(12), () => {
        if (this.#isOver) return;
        for (const { id } of servers) network.cut(id, lead.group.serverId);
      });
      return;
    }
  }

  #damage(server: SimulatedServer): void {
    const { servers, random } = this.#cluster;
    if (server.host === null || servers.some(({ tainted }) => tainted)) return;
    if (!this.#drivers.every((driver) => driver.canLose(server))) return;
    const kind = random.below(5);
    if (kind === 4) {
      const found = [...server.host.groups()];
      found[random.below(Math.max(1, found.length))]?.reportDamage("a read met a bad checksum");
      return;
    }
    if (kind === 0) {
      server.crash("process");
      server.wipe();
      return;
    }
    const flipped = kind === 1 ? this.#flipInStore(server) : this.#flipInLog(server);
    if (flipped && random.below(2) === 0) this.#crash(server);
  }

  /** In the host's own records. */
  #flipInStore(server: SimulatedServer): boolean {
    const range = { start: Buffer.of(0x01), end: Buffer.of(0x07), reverse: false };
    if (server.storeDisk.flipBit(range) === null) return false;
    this.#cluster.marks.add("bit flipped in the store");
    server.tainted = true;
    return true;
  }

  /** Not in the last segment, whose last batch nobody could tell from a torn one. */
  #flipInLog(server: SimulatedServer): boolean {
    const { random, marks } = this.#cluster;
    const segments = server.logDisk.fileNames().filter((name) => name !== "bounds");
    const name = segments[random.below(Math.max(1, segments.length - 1))];
    if (name === undefined || segments.length < 2) return false;
    const { length } = server.logDisk.fileBytes(name);
    if (length <= 4096) return false;
    // The header's page is mostly empty: rarely there.
    const offset = random.below(8) === 0 ? random.below(64) : 4096 + random.below(length - 4096);
    server.logDisk.flipBit(name, offset, random.below(8));
    marks.add("bit flipped in the log");
    server.tainted = true;
    return true;
  }
}
