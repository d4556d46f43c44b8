import { spaceId } from "@stele/shared/ids.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import { systemClock } from "@stele/shared/clock.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import {
  newRegisterState,
  RegisterMachines,
} from "@stele/shared/replication/testing/register-machine.ts";
import type { StateMachine } from "@stele/shared/replication/state-machine.ts";
import { expect, test } from "vitest";
import { OwnRanges } from "./own-ranges.ts";

test("a machine that keeps something outside its ranges, as they are now, is told", async () => {
  const found: string[] = [];
  const ranges = new OwnRanges((detail) => found.push(detail));
  const disk = new MemoryStoreDisk({ clock: systemClock, random: new SeededRandom(1) });
  const factory = new RegisterMachines(await disk.open());
  let own = 3;
  const machine: Pick<StateMachine, "encodeState"> = {
    encodeState: () => newRegisterState(spaceId(own)),
  };
  const keeps = (space: number): void => {
    const key = factory.storeKey(spaceId(space), Buffer.from("a"));
    const batch = { operations: [{ type: "del", key } as const], written: () => {} };
    ranges.check(machine as StateMachine, factory, batch);
  };
  keeps(3);
  expect(found).toEqual([]);
  keeps(4);
  expect(found).toHaveLength(1);
  own = 4;
  keeps(4);
  expect(found).toHaveLength(1);
  keeps(3);
  expect(found).toHaveLength(2);
});
