import { serverId } from "@stele/shared/ids.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { placeNewTablets } from "./place-new-tablets.ts";

test("new tablets level replicas and first leaders, on distinct servers, whatever was there", () => {
  const load = fc.record({ replicas: fc.nat(20), leaders: fc.nat(10) });
  const loads = fc.array(load, { minLength: 3, maxLength: 9 });
  const property = fc.property(loads, fc.integer({ min: 1, max: 60 }), (given, tablets) => {
    const random = new SeededRandom(1);
    const servers = given.map((each, at) => {
      return { ...each, serverId: serverId(random.uuid()), name: `ts${at}` };
    });
    const placement = placeNewTablets(servers, tablets, 3);
    expect(placeNewTablets(servers.toReversed(), tablets, 3)).toEqual(placement);
    const counts = placement.servers.map((id) => {
      return servers.find((server) => server.serverId === id)?.replicas ?? 0;
    });
    const added = counts.map(() => 0);
    for (const chosen of placement.placements) {
      expect(new Set(chosen).size).toBe(3);
      for (const at of chosen) added[at] = (added[at] ?? 0) + 1;
    }
    const after = counts.map((count, at) => count + (added[at] ?? 0));
    // Whoever got a replica has at most one more than anybody who could have taken it.
    for (const [at, count] of after.entries()) {
      if ((added[at] ?? 0) === 0 || (added[at] ?? 0) === tablets) continue;
      for (const [other, less] of after.entries()) {
        if ((added[other] ?? 0) < tablets) expect(count - less).toBeLessThanOrEqual(1);
      }
    }
  });
  fc.assert(property);
});

test("an empty cluster gets its first leaders in turn", () => {
  const random = new SeededRandom(2);
  const servers = ["a", "b", "c"].map((name) => {
    return { serverId: serverId(random.uuid()), name, replicas: 0, leaders: 0 };
  });
  const { placements } = placeNewTablets(servers, 6, 3);
  expect(placements.map(([leader]) => leader)).toEqual([0, 1, 2, 0, 1, 2]);
});
