/** What the nemeses draw. */
import { describe, expect, test } from "vitest";
import { SeededRandom } from "@stele/shared/random.ts";
import { Draws } from "@stele/shared/testing/draws.ts";
import { NEMESES } from "./all-nemeses.ts";
import { FAULT_KINDS, everyone, NETWORK } from "./fault.ts";
import type { Fault, Roster, Scene } from "./fault.ts";

const ROSTER: Roster = {
  masters: ["m1", "m2", "m3"],
  tabletServers: ["ts1", "ts2", "ts3", "ts4", "ts5"],
  frontends: ["fe1", "fe2"],
};

function drawn(kind: (typeof FAULT_KINDS)[number], count: number, seed = 1): Fault[] {
  const draws = new Draws(new SeededRandom(seed));
  return Array.from({ length: count }, () => NEMESES[kind].draw(draws, ROSTER));
}

describe.each(FAULT_KINDS)("%s", (kind) => {
  test("is drawn by the seed alone, and strikes who is there", () => {
    const known = new Set([...everyone(ROSTER), NETWORK]);
    const faults = drawn(kind, 100);
    expect(drawn(kind, 100).map(({ text }) => text)).toEqual(faults.map(({ text }) => text));
    expect(new Set(faults.map(({ text }) => text)).size).toBeGreaterThan(2);
    for (const { victims, holdMs } of faults) {
      expect(victims.length).toBeGreaterThan(0);
      expect(victims.every((id) => known.has(id))).toBe(true);
      expect(holdMs).toBeLessThanOrEqual(15_000);
    }
  });
});

test("kills take one, a minority, all tablet servers, or the leading master", () => {
  const texts = new Set(drawn("kill", 500).map(({ text }) => text));
  expect(texts).toContain("kill ts1 ts2 ts3 ts4 ts5");
  expect(texts).toContain("kill ts2");
  expect(texts).toContain("kill fe1");
  expect(texts).toContain("kill the leading master");
  expect([...texts].filter((text) => /^kill ts\d ts\d$/.test(text)).length).toBeGreaterThan(5);
});

test("data is damaged by those alone that wait for a whole cluster", () => {
  const damaging = FAULT_KINDS.filter((kind) => NEMESES[kind].damages);
  expect(damaging).toEqual(["wipe", "flip-log", "flip-store"]);
});

test.each(["wipe", "flip-log"] as const)(
  "%s is over when the replicas were compared, for the status may not know of it yet",
  async (kind) => {
    const happened: string[] = [];
    const victims = {
      relaunch: () => Promise.resolve(void happened.push("relaunched")),
    };
    const untilVerified = () => Promise.resolve(void happened.push("compared"));
    const scene = { victims, untilVerified } as unknown as Scene;
    for (const fault of drawn(kind, 1)) await fault.heal(scene);
    expect(happened).toEqual(["relaunched", "compared"]);
  },
);

test("a link fault opens what it closed, and a one-way cut leaves the way back open", async () => {
  for (const fault of [...drawn("cut", 50), ...drawn("one-way", 50), ...drawn("slow", 50)]) {
    const closed = new Set<string>();
    const network = {
      setPassage: (from: string, to: string, { kind }: { kind: string }) => {
        expect(from).not.toBe(to);
        if (kind === "open") closed.delete(`${from} ${to}`);
        else closed.add(`${from} ${to}`);
      },
    };
    const scene = { network } as unknown as Scene;
    await fault.inflict(scene);
    const isBackClosed = [...closed].some((pair) =>
      closed.has(pair.split(" ").reverse().join(" ")),
    );
    if (fault.kind === "one-way") expect([closed.size > 0, isBackClosed]).toEqual([true, false]);
    await fault.heal(scene);
    expect(closed.size).toBe(0);
  }
});
