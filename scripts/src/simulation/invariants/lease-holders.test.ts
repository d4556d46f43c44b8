import { replicaId, tabletId } from "@stele/shared/ids.ts";
import { expect, test } from "vitest";
import { LeaseHolders } from "./lease-holders.ts";

function leader(tablet: number, replica: number) {
  const group = {
    tabletId: tabletId(tablet),
    replicaId: replicaId(replica),
    isHolding: true,
    holdsLease: () => group.isHolding,
  };
  return group;
}

test("two leaders of a group may overlap, their leases may not", () => {
  const found: string[] = [];
  const holders = new LeaseHolders((tablet, detail) => found.push(`${tablet}: ${detail}`));
  const old = leader(5, 1);
  const young = leader(5, 2);
  const other = leader(6, 3);
  for (const each of [old, other, young]) holders.leads(each);
  young.isHolding = false;
  holders.check();
  expect(found).toEqual([]);
  young.isHolding = true;
  holders.check();
  expect(found).toEqual(["5: replicas 1 and 2 hold a lease at the same time"]);
});

test("one that stepped down, or is gone, holds no lease", () => {
  const found: string[] = [];
  const holders = new LeaseHolders((_, detail) => found.push(detail));
  const old = leader(5, 1);
  const young = leader(5, 2);
  holders.leads(old);
  holders.leads(young);
  holders.follows(old);
  holders.check();
  expect(found).toEqual([]);
  holders.leads(old);
  holders.check();
  expect(found).toHaveLength(1);
});
