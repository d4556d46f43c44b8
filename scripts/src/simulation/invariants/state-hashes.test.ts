import { OrderedTree } from "@stele/shared/checkpoint-store/testing/ordered-tree.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { systemClock } from "@stele/shared/clock.ts";
import { logIndex, replicaId, spaceId, term } from "@stele/shared/ids.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import {
  newRegisterState,
  RegisterMachines,
} from "@stele/shared/replication/testing/register-machine.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { contentsOf, StateHashes, type ReplicaContents } from "./state-hashes.ts";

let found: string[];
let states: StateHashes;
let machines: RegisterMachines;

beforeEach(async () => {
  found = [];
  states = new StateHashes((detail) => found.push(detail));
  const disk = new MemoryStoreDisk({ clock: systemClock, random: new SeededRandom(1) });
  machines = new RegisterMachines(await disk.open());
});

function replica(
  id: number,
  space: number,
  registers: Readonly<Record<string, string>>,
  at: { readonly index?: number; readonly state?: Buffer } = {},
): ReplicaContents {
  const edit = new OrderedTree().edit();
  edit.put(machines.storeKey(spaceId(space + 1), Buffer.from("a")), Buffer.from("another's"));
  for (const [name, value] of Object.entries(registers)) {
    edit.put(machines.storeKey(spaceId(space), Buffer.from(name)), Buffer.from(value));
  }
  const applied = {
    replicaId: replicaId(id),
    index: logIndex(at.index ?? 7),
    term: term(1),
    machineState: at.state ?? newRegisterState(spaceId(space)),
  };
  return contentsOf(edit.finish(), applied, machines) as ReplicaContents;
}

describe("replicas at one index", () => {
  test("hold the same wherever it lies", () => {
    states.see(replica(1, 3, { a: "1", b: "2" }));
    states.see(replica(2, 8, { a: "1", b: "2" }));
    expect(found).toEqual([]);
  });

  test.each([
    ["a value", { a: "1", b: "3" }, "the values of key 62"],
    ["a key less", { a: "1" }, "key 62 is missing in 2"],
    ["a key more", { a: "1", b: "2", c: "" }, "key 63 is missing in 1"],
    ["bytes between key and value", { a: "1", b2: "" }, "key 62 is missing in 2"],
  ])("never differ in %s", (_, registers, problem) => {
    states.see(replica(1, 3, { a: "1", b: "2" }));
    states.see(replica(2, 8, registers as Record<string, string>));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("at index 7 replicas 1 and 2 differ");
    expect(found[0]).toContain(problem);
  });

  test("never differ in the state of their machines", () => {
    states.see(replica(1, 3, { a: "1" }));
    const state = Buffer.from(JSON.stringify({ space: 3, count: 1, digest: 9 }));
    states.see(replica(2, 3, { a: "1" }, { state }));
    expect(found[0]).toContain("the machines' states");
  });
});

test("replicas at different indexes, or without a state, are not compared", () => {
  states.see(replica(1, 3, { a: "1" }));
  states.see(replica(2, 3, { a: "2" }, { index: 8 }));
  expect(found).toEqual([]);
  const waiting = {
    replicaId: replicaId(4),
    index: logIndex(0),
    term: term(0),
    machineState: null,
  };
  expect(contentsOf(new OrderedTree(), waiting, machines)).toBe(null);
});
