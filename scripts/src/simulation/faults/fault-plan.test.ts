import { SeededRandom } from "@stele/shared/random.ts";
import { expect, test } from "vitest";
import { CRASH_STEPS, faultText } from "./fault.ts";
import { drawFaults, PLANNED_KINDS } from "./fault-plan.ts";
import { LEAST_CLOCK_RATE, MOST_CLOCK_RATE } from "./process-draws.ts";

const SHAPE = {
  masters: ["m1", "m2", "m3"],
  tabletServers: ["ts1", "ts2", "ts3", "ts4"],
  frontends: ["fe1", "fe2"],
  durationMs: 20_000,
};

const plans = Array.from({ length: 300 }, (_, seed) => drawFaults(new SeededRandom(seed), SHAPE));
const faults = plans.flat();

test("a seed draws the same plan each time", () => {
  for (const seed of [1, 2, 3]) {
    expect(drawFaults(new SeededRandom(seed), SHAPE)).toEqual(plans[seed]);
  }
  expect(plans[1]).not.toEqual(plans[2]);
});

test("300 seeds draw every kind, every trigger and every cut", () => {
  const kinds = new Set(faults.map(({ action }) => action.kind));
  expect([...kinds].sort()).toEqual([...PLANNED_KINDS].sort());
  const triggers = new Set(
    faults.map(({ trigger }) =>
      trigger.kind === "disk-step"
        ? trigger.step
        : trigger.kind === "state"
          ? trigger.state
          : trigger.kind,
    ),
  );
  const states = [
    "joint-config",
    "awaiting-snapshot",
    "recovering",
    "replica-missing",
    "damageable-log",
  ];
  const others = ["at-once", "event", "acknowledgement"];
  expect([...triggers].sort()).toEqual([...states, ...others, ...CRASH_STEPS].sort());
  const shapes = new Set(faults.map(({ action }) => (action.kind === "cut" ? action.shape : "")));
  expect([...shapes].sort()).toEqual(["", "bridge", "halves", "pair"]);
});

test("runs differ: some are calm, some have forty faults, most lack some kinds", () => {
  const sizes = plans.map(({ length }) => length);
  expect(sizes.filter((size) => size === 0).length).toBeGreaterThan(15);
  expect(Math.max(...sizes)).toBeGreaterThan(35);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(40);
  const kinds = plans.map((plan) => new Set(plan.map(({ action }) => action.kind)).size);
  expect(Math.max(...kinds)).toBeLessThan(PLANNED_KINDS.length);
});

test("faults are in order of time, with an id each, and begin within the phase", () => {
  for (const plan of plans) {
    expect(plan.map(({ id }) => id)).toEqual(plan.map((_, at) => at + 1));
    expect(plan.map(({ atMs }) => atMs)).toEqual(
      plan.map(({ atMs }) => atMs).sort((a, b) => a - b),
    );
    for (const { atMs } of plan) expect(atMs).toBeLessThan(SHAPE.durationMs);
  }
});

test("clocks drift within the bound that leases are safe under", () => {
  expect(MOST_CLOCK_RATE / LEAST_CLOCK_RATE).toBeLessThan(1 / 0.9);
  for (const { action } of faults) {
    if (action.kind !== "clock-drifts") continue;
    expect(action.rate).toBeGreaterThanOrEqual(LEAST_CLOCK_RATE);
    expect(action.rate).toBeLessThanOrEqual(MOST_CLOCK_RATE);
  }
});

test("only tablet servers lose what they have on disk", () => {
  const losses = [
    "bit-flipped-in-log",
    "sector-misplaced-in-log",
    "bit-flipped-in-store",
    "disk-wiped",
    "masters-take-turns",
  ];
  for (const { action, target, trigger } of faults) {
    if (!losses.includes(action.kind)) continue;
    if (target.kind === "process") expect(SHAPE.tabletServers).toContain(target.name);
    else expect(trigger).toMatchObject({ kind: "state", state: "damageable-log" });
  }
});

test("every fault says in one line when, whom and what", () => {
  for (const fault of faults) expect(faultText(fault)).not.toContain("undefined");
  const [first] = faults;
  expect(first === undefined ? "" : faultText(first)).toMatch(/^#1 at \d+ ms, /);
});
