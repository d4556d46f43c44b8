/** Which faults strike together, with faults that only note what happens to them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "@stele/shared/clock.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { Draws } from "@stele/shared/testing/draws.ts";
import { FaultLanes } from "./fault-lanes.ts";
import { FaultLog } from "./fault-log.ts";
import type { Fault, Nemesis, Scene } from "./faults/fault.ts";

const FAULTS = 200;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stele-fault-lanes-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Observed {
  /** Faults under way, whenever one began. */
  readonly together: string[][];
  healed: number;
  whole: number;
}

/** Strikes one of three victims for one turn. */
function nemesisOf(kind: Fault["kind"], options: { damages: boolean }, seen: Seen): Nemesis {
  return {
    kind,
    strikes: "processes",
    damages: options.damages,
    draw(draws): Fault {
      const victim = `ts${1 + draws.below(3)}`;
      const text = `${kind} ${victim}`;
      return {
        kind,
        text,
        victims: [victim],
        holdMs: 1,
        inflict: () => seen.began(text),
        heal: () => seen.ended(text),
      };
    },
  };
}

class Seen implements Observed {
  readonly together: string[][] = [];
  healed = 0;
  whole = 0;
  readonly #underWay: string[] = [];
  readonly #over: AbortController;
  readonly #failAt: number;

  constructor(over: AbortController, failAt = Infinity) {
    this.#over = over;
    this.#failAt = failAt;
  }

  async began(text: string): Promise<void> {
    this.#underWay.push(text);
    this.together.push([...this.#underWay]);
    if (this.together.length === this.#failAt) throw new Error("the harm could not be done");
    if (this.together.length >= FAULTS) this.#over.abort();
    await nextTurn();
  }

  async ended(text: string): Promise<void> {
    await nextTurn();
    this.#underWay.splice(this.#underWay.indexOf(text), 1);
    this.healed += 1;
  }
}

function lanesOver(over: AbortController, seen: Seen): FaultLanes {
  const scene = { sleep: () => nextTurn() } as unknown as Scene;
  return new FaultLanes({
    roster: { masters: ["m1"], tabletServers: ["ts1", "ts2", "ts3"], frontends: ["fe1"] },
    scene,
    log: new FaultLog({ path: join(folder, "faults.ndjson"), clock: systemClock, tell: () => {} }),
    untilWhole: async () => {
      seen.whole += 1;
      await nextTurn();
    },
    over: over.signal,
  });
}

test("faults overlap, never on one victim, and damage strikes alone between two whole clusters", async () => {
  const over = new AbortController();
  const seen = new Seen(over);
  const nemeses = [
    nemesisOf("kill", { damages: false }, seen),
    nemesisOf("wipe", { damages: true }, seen),
  ];
  const lanes = lanesOver(over, seen);
  await Promise.all([1, 2, 3].map((seed) => lanes.run(nemeses, new Draws(new SeededRandom(seed)))));

  expect(seen.healed).toBe(seen.together.length);
  expect(seen.together.filter((faults) => faults.length > 1).length).toBeGreaterThan(10);
  for (const faults of seen.together) {
    expect(new Set(faults.map((text) => text.split(" ")[1])).size).toBe(faults.length);
    if (faults.some((text) => text.startsWith("wipe"))) expect(faults).toHaveLength(1);
  }
  const wipes = seen.together.filter(([first]) => first?.startsWith("wipe")).length;
  expect(wipes).toBeGreaterThan(10);
  expect(seen.whole).toBe(2 * wipes);
});

test("a fault that could not be inflicted is healed all the same, and ends its lane", async () => {
  const over = new AbortController();
  const seen = new Seen(over, 3);
  const lanes = lanesOver(over, seen);
  const run = lanes.run(
    [nemesisOf("kill", { damages: false }, seen)],
    new Draws(new SeededRandom(1)),
  );
  await expect(run).rejects.toThrow("could not be done");
  expect(seen.healed).toBe(3);
});
