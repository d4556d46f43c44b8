import { expect, test } from "vitest";
import { replicaId, serverId } from "@stele/shared/ids.ts";
import { silentLog } from "@stele/shared/log.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { nextMacrotask } from "@stele/shared/testing/macrotask.adapter.ts";
import { SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import type { Step } from "@stele/shared/wire/heartbeat.ts";
import { StepExecution } from "./step-execution.ts";
import { SCHEMA, TabletCluster } from "./testing/tablet-cluster.ts";

const TABLET = 12;

/** One real server that takes steps for a tablet of its own. */
class Scene {
  readonly random = new SeededRandom(3);
  readonly clock = new SimulatedClock(this.random, nextMacrotask);
  readonly cluster = new TabletCluster(1, this.clock, this.random);
  readonly failures: unknown[] = [];
  changes = 0;
  steps!: StepExecution;

  async start(): Promise<this> {
    await this.clock.until(this.cluster.start(0));
    const running = this.running();
    this.steps = new StepExecution({
      host: running.host,
      tablets: running.tablets,
      log: silentLog,
      changed: () => this.changes++,
      failed: (error) => this.failures.push(error),
    });
    return this;
  }

  running() {
    return this.cluster.server(0).running!;
  }

  async take(step: Step, masterTerm = 1): Promise<void> {
    this.steps.take(masterTerm, [step]);
    await this.clock.runEvents(400);
  }

  create(replica: number): Step {
    const member = { replicaId: replicaId(replica), serverId: this.cluster.server(0).id };
    return {
      kind: "create-replica",
      tabletId: TABLET,
      replicaId: replica,
      generation: 1,
      range: { start: null, end: null },
      schema: { ...SCHEMA, families: SCHEMA.families.map((family) => ({ ...family })) },
      initialConfig: { voters: [member], outgoing: [], learners: [] },
      campaign: true,
    };
  }

  tablet() {
    return this.running().tablets.tablet(TABLET as never);
  }

  commit(): number {
    return Number(
      this.running()
        .host.group(TABLET as never)
        ?.status().commit ?? -1,
    );
  }
}

test("a replica is created once, leads, and is never created again behind its tombstone", async () => {
  const scene = await new Scene().start();
  scene.steps.take(1, [scene.create(1), scene.create(1)]);
  await scene.take(scene.create(1));
  const tablet = scene.tablet();
  expect(tablet?.servingTerm).not.toBeNull();
  await scene.take(scene.create(1));
  expect(scene.tablet()).toBe(tablet);

  const destroy: Step = { kind: "destroy-replica", tabletId: TABLET, replicaId: 1 };
  await scene.take(destroy);
  await scene.take(destroy);
  expect(scene.tablet()).toBeNull();
  await scene.take(scene.create(1));
  expect(scene.tablet()).toBeNull();
  await scene.take(scene.create(2));
  expect(scene.tablet()?.group.replicaId).toBe(2);
  await scene.take(destroy);
  expect(scene.tablet()?.group.replicaId).toBe(2);
  expect(scene.failures).toEqual([]);
  expect(scene.changes).toBeGreaterThan(5);
});

test("a drop that is asked for again and again is one entry", async () => {
  const scene = await new Scene().start();
  await scene.take(scene.create(1));
  const before = scene.commit();
  const drop: Step = { kind: "drop-tablet", tabletId: TABLET };
  scene.steps.take(1, [drop, drop]);
  scene.steps.take(1, [drop]);
  await scene.take(drop);
  await scene.take(drop);
  expect(scene.tablet()?.state.dropped).toBe(true);
  expect(scene.commit()).toBe(before + 1);
});

test("a config change must name the tablet's generation and config as they are", async () => {
  const scene = await new Scene().start();
  await scene.take(scene.create(1));
  const before = scene.commit();
  const member = { replicaId: replicaId(1), serverId: scene.cluster.server(0).id };
  const other = {
    replicaId: replicaId(2),
    serverId: serverId("00000000-0000-4000-8000-00000000000b"),
  };
  const configIndex = Number(scene.tablet()?.descriptor().configIndex);
  const change = (generation: number, index: number): Step => ({
    kind: "change-config",
    tabletId: TABLET,
    generation,
    configIndex: index,
    voters: [member],
    learners: [other],
  });
  await scene.take(change(2, configIndex));
  await scene.take(change(1, configIndex + 1));
  expect(scene.commit()).toBe(before);
  await scene.take(change(1, configIndex));
  expect(scene.tablet()?.descriptor().replicas).toHaveLength(2);
});

test("steps of an older master's term are refused", async () => {
  const scene = await new Scene().start();
  await scene.take(scene.create(1), 5);
  await scene.take({ kind: "drop-tablet", tabletId: TABLET }, 4);
  expect(scene.tablet()?.state.dropped).toBe(false);
  await scene.take({ kind: "drop-tablet", tabletId: TABLET }, 5);
  expect(scene.tablet()?.state.dropped).toBe(true);
});

test("steps for replicas that are not here are left", async () => {
  const scene = await new Scene().start();
  await scene.take({ kind: "drop-tablet", tabletId: TABLET });
  await scene.take({ kind: "transfer-leader", tabletId: TABLET, to: 3 });
  expect(scene.failures).toEqual([]);
  expect(scene.changes).toBe(2);
});
