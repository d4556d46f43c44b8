import { afterEach, expect, test } from "vitest";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { serverId } from "@stele/shared/ids.ts";
import { silentLog } from "@stele/shared/log.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { MemoryNetwork, type MemoryHost } from "@stele/shared/rpc/testing/memory-network.ts";
import { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import { routeEndpoint } from "@stele/shared/rpc/rpc-route.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import {
  heartbeatRoute,
  type HeartbeatReply,
  type HeartbeatRequest,
  type Step,
} from "@stele/shared/wire/heartbeat.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ReplicaReports } from "./replica-reports.ts";
import type { StepExecution } from "./step-execution.ts";

const SELF: AddressEntry = {
  serverId: serverId("00000000-0000-4000-8000-000000000001"),
  name: "ts1",
  role: "tablet-server",
  url: "http://ts1",
  announcedAtMicros: 1,
};
const STEP: Step = { kind: "drop-tablet", tabletId: 7 };

let running: Heartbeat | null = null;
afterEach(() => running?.stop());

/** A master that answers as the test says, and remembers what it was asked. */
class Master {
  readonly host: MemoryHost;
  readonly requests: HeartbeatRequest[] = [];
  answer: (request: HeartbeatRequest) => Promise<HeartbeatReply> | HeartbeatReply;

  constructor(network: MemoryNetwork, line: SimulatedClock, url: string) {
    const clock = line.process();
    this.answer = () => ({ kind: "not-leader", leaderUrl: null });
    this.host = network.host(url, clock);
    const handler = routeEndpoint(
      heartbeatRoute,
      async (request) => {
        this.requests.push(request);
        return this.answer(request);
      },
      { clock, unexpected: () => undefined },
    );
    this.host.serve(heartbeatRoute.path, handler);
  }
}

class Scene {
  readonly line: SimulatedClock;
  readonly network: MemoryNetwork;
  readonly masters: Master[];
  readonly heartbeat: Heartbeat;
  readonly acknowledged: number[] = [];
  forgotten = 0;
  readonly steps: { readonly term: number; readonly steps: readonly Step[] }[] = [];

  constructor(masters: number) {
    const random = new SeededRandom(7);
    this.line = new SimulatedClock(random, nextMacrotask);
    this.network = new MemoryNetwork(random);
    this.masters = Array.from(
      { length: masters },
      (_, at) => new Master(this.network, this.line, `http://m${at}`),
    );
    const clock = this.line.process();
    const reports = {
      take: () => ({ full: false, replicas: [], destroyed: [] }),
      acknowledged: (sequence: number) => this.acknowledged.push(sequence),
      forget: () => this.forgotten++,
    } as unknown as ReplicaReports;
    const steps = {
      take: (term: number, taken: readonly Step[]) => this.steps.push({ term, steps: taken }),
    } as unknown as StepExecution;
    this.heartbeat = running = new Heartbeat({
      clock,
      log: silentLog,
      rpc: new RpcClient(clock, this.network.host(SELF.url, clock)),
      self: SELF,
      bootId: "boot",
      masters: () => this.masters.map(({ host }) => host.url),
      reports,
      steps,
      learnt: () => undefined,
      refused: () => undefined,
    });
    this.heartbeat.start();
  }

  master(at: number): Master {
    return this.masters[at] as Master;
  }

  /** The master leads: it holds heartbeats for a second, or until a newer one comes. */
  lead(at: number, masterTerm: number, steps: () => Step[] = () => []): void {
    let release = (): void => undefined;
    this.master(at).answer = async ({ sequence }) => {
      release();
      const taken = steps();
      if (taken.length === 0) {
        await new Promise<void>((resolve) => {
          release = resolve;
          this.line.after(1000, resolve);
        });
      }
      return {
        kind: "steps",
        masterTerm,
        acknowledged: sequence,
        resend: false,
        steps: taken,
        servers: [],
      };
    };
  }

  requests(): number {
    return this.masters.reduce((sum, { requests }) => sum + requests.length, 0);
  }
}

test("the leader is found over hints and dead masters, and kept", async () => {
  const scene = new Scene(3);
  scene.master(0).host.crash();
  scene.master(1).answer = () => ({ kind: "not-leader", leaderUrl: "http://m2" });
  scene.lead(2, 5);
  await scene.line.runFor(3000);
  const before = scene.master(1).requests.length;
  await scene.line.runFor(5000);
  expect(scene.master(1).requests.length).toBe(before);
  expect(scene.master(2).requests.length).toBeGreaterThan(4);
  expect(scene.heartbeat.acknowledgedAtMs).not.toBeNull();
});

test("two masters that name each other are not asked without a pause", async () => {
  const scene = new Scene(2);
  scene.master(0).answer = () => ({ kind: "not-leader", leaderUrl: "http://m1" });
  scene.master(1).answer = () => ({ kind: "not-leader", leaderUrl: "http://m0" });
  await scene.line.runFor(2000);
  expect(scene.requests()).toBeLessThan(25);
});

test("a change goes out while a heartbeat waits, and one more heartbeat at most", async () => {
  const scene = new Scene(1);
  scene.lead(0, 5);
  await scene.line.runFor(300);
  expect(scene.requests()).toBe(1);
  scene.heartbeat.changed();
  scene.heartbeat.changed();
  await scene.line.runFor(50);
  expect(scene.requests()).toBe(2);
  expect(scene.acknowledged).toEqual([1]);
});

test("a change during two waiting heartbeats goes out as soon as one is back", async () => {
  const scene = new Scene(1);
  const waiting: (() => void)[] = [];
  scene.master(0).answer = ({ sequence }) =>
    new Promise((resolve) => {
      waiting.push(() =>
        resolve({
          kind: "steps",
          masterTerm: 1,
          acknowledged: sequence,
          resend: false,
          steps: [],
          servers: [],
        }),
      );
    });
  await scene.line.runFor(50);
  scene.heartbeat.changed();
  await scene.line.runFor(50);
  scene.heartbeat.changed();
  await scene.line.runFor(50);
  expect(waiting).toHaveLength(2);
  waiting[0]?.();
  await scene.line.runFor(5);
  expect(waiting).toHaveLength(3);
});

test("steps are taken under the master's term, and a new term is told everything", async () => {
  const scene = new Scene(2);
  let steps = [STEP];
  scene.lead(0, 5, () => steps.splice(0));
  await scene.line.runFor(500);
  expect(scene.steps[0]).toEqual({ term: 5, steps: [STEP] });
  expect(scene.forgotten).toBe(0);

  scene.master(0).host.crash();
  steps = [];
  scene.lead(1, 6);
  await scene.line.runFor(5000);
  expect(scene.forgotten).toBe(1);
  expect(scene.steps.at(-1)?.term).toBe(6);
});

test("an old leader of the catalog is not followed, and its steps are not taken", async () => {
  const scene = new Scene(2);
  scene.lead(0, 6);
  await scene.line.runFor(1500);
  scene.lead(0, 5, () => [STEP]);
  scene.lead(1, 6);
  scene.heartbeat.changed();
  await scene.line.runFor(5000);
  expect(scene.steps.every(({ term }) => term === 6)).toBe(true);
  expect(scene.master(1).requests.length).toBeGreaterThan(0);
});

test("a master that asks for everything again gets it", async () => {
  const scene = new Scene(1);
  let resend = true;
  scene.master(0).answer = async ({ sequence }) => {
    const reply = {
      kind: "steps",
      masterTerm: 5,
      acknowledged: sequence,
      resend,
      steps: [],
      servers: [],
    } as const;
    resend = false;
    await new Promise<void>((resolve) => void scene.line.after(100, resolve));
    return { ...reply, steps: [], servers: [] };
  };
  await scene.line.runFor(500);
  expect(scene.forgotten).toBe(1);
  expect(scene.acknowledged).not.toContain(1);
  expect(scene.acknowledged).toContain(2);
});

test("after stop nothing is sent, and what still comes back is not obeyed", async () => {
  const scene = new Scene(1);
  let release = (): void => undefined;
  scene.master(0).answer = async ({ sequence }) => {
    await new Promise<void>((resolve) => (release = resolve));
    return {
      kind: "steps",
      masterTerm: 5,
      acknowledged: sequence,
      resend: false,
      steps: [STEP],
      servers: [],
    };
  };
  await scene.line.runFor(100);
  scene.heartbeat.stop();
  release();
  await scene.line.runFor(3000);
  expect(scene.steps).toEqual([]);
  expect(scene.requests()).toBe(1);
});
