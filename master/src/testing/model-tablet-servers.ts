/** Model tablet servers on the simulated network: heartbeats in long polls, steps taken as they come. */
import { must } from "@stele/shared/assert.ts";
import type { MemoryHost } from "@stele/shared/rpc/testing/memory-network.ts";
import { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import type { ProcessClock } from "@stele/shared/testing/simulated-clock.ts";
import { heartbeatRoute } from "@stele/shared/wire/heartbeat.ts";
import { ClusterModel, type ModelServer } from "./cluster-model.ts";
import type { SimulatedMasters } from "./simulated-masters.ts";

const ADVANCE_MS = 20;
const PAUSE_MS = 100;

export class ModelTabletServers {
  readonly model: ClusterModel;
  readonly #masters: SimulatedMasters;
  readonly #clocks = new Map<string, ProcessClock>();
  readonly #hosts = new Map<string, MemoryHost>();
  /** Refusals by server name. */
  readonly refusals = new Map<string, string>();

  constructor(masters: SimulatedMasters, names: readonly string[]) {
    this.#masters = masters;
    this.model = new ClusterModel(masters.random, names, () => true);
    for (const name of names) this.start(name);
    this.#advance();
  }

  start(name: string): void {
    this.startAs(name, `http://${name}`);
  }

  /** At an address of its own. */
  startAs(name: string, url: string): void {
    const server = must(this.model.servers.get(name), "a server");
    const clock = this.#masters.clock.process();
    const host = this.#masters.network.host(url, clock);
    this.#clocks.set(name, clock);
    this.#hosts.set(name, host);
    server.alive = true;
    server.boot++;
    server.sequence = 0;
    void this.#beat(server, new RpcClient(clock, host), clock);
  }

  stop(name: string): void {
    this.#clocks.get(name)?.stop();
    this.#hosts.get(name)?.crash();
    must(this.model.servers.get(name), "a server").alive = false;
  }

  async #beat(server: ModelServer, rpc: RpcClient, clock: ProcessClock): Promise<void> {
    const { urls } = this.#masters;
    let url: string | null = null;
    for (let attempt = 0; ; attempt++) {
      const to: string = url ?? must(urls[attempt % urls.length], "a master");
      const options = { deadlineMs: clock.monotonicMs() + 3_000 };
      const heartbeat = this.model.heartbeat(server);
      const reply = await rpc.call(to, heartbeatRoute, heartbeat, options).catch(() => null);
      if (reply?.kind === "steps") {
        url = to;
        for (const step of reply.steps) this.model.take(server, reply.masterTerm, step);
        await this.#pause(clock, reply.steps.length > 0 ? ADVANCE_MS * 2 : 0);
        continue;
      }
      if (reply?.kind === "refused") {
        this.refusals.set(server.name, reply.detail);
        return;
      }
      url = reply?.leaderUrl ?? null;
      await this.#pause(clock, PAUSE_MS);
    }
  }

  #pause(clock: ProcessClock, ms: number): Promise<void> {
    return new Promise((resolve) => void clock.after(ms, resolve));
  }

  #advance(): void {
    this.model.advance();
    this.#masters.clock.after(ADVANCE_MS, () => this.#advance());
  }
}
