import { describe, expect, test } from "vitest";
import { LoneTablet } from "../testing/lone-tablet.ts";
import { increment, rowWrite } from "../testing/row-writes.ts";
import { spaceId } from "@stele/shared/ids.ts";
import { must } from "@stele/shared/assert.ts";
import { WHOLE_TABLE } from "@stele/shared/row-range.ts";
import { TABLET } from "../testing/tablet-cluster.ts";
import { rowRanges, tabletRanges } from "./tablet-ranges.ts";
import { Verifications, type Verification } from "./verifications.ts";

const never = new Promise<void>(() => undefined);

async function filled(space: number, rows: readonly string[]): Promise<LoneTablet> {
  const spans = [{ range: WHOLE_TABLE, space: spaceId(space) }];
  const lone = await LoneTablet.begin({ spans });
  void lone.write(
    0,
    rows.map((row) => rowWrite(row, [increment("n")], { idempotencyKey: "k" })),
  );
  await lone.run();
  return lone;
}

function hashOf(lone: LoneTablet): Promise<Verification | null> {
  const verifications = new Verifications(lone.store, (error) => lone.failures.push(error));
  verifications.begin(lone.tablet.state, { index: 9 as never, verifyId: 1 }, () => undefined);
  return verifications.result(TABLET, 1, never);
}

describe("a verification", () => {
  test("gives equal hashes for equal data, wherever it lies", async () => {
    const [one, other] = [await filled(1, ["a", "b"]), await filled(77, ["a", "b"])];
    const hash = await hashOf(one);
    expect(hash).toMatchObject({ rows: 2, index: 9 });
    expect(await hashOf(other)).toEqual(hash);
    expect((await hashOf(await filled(1, ["a", "c"])))?.hash).not.toBe(hash?.hash);
  });

  test("hashes what was there when it began, not what came later", async () => {
    const lone = await filled(1, ["a"]);
    const begun = hashOf(lone);
    void lone.write(5, [rowWrite("b", [increment("n")])]);
    await lone.run();
    expect((await begun)?.rows).toBe(1);
  });

  test("gives no hash of data that is not what was written, of whatever kind", async () => {
    for (const [spot, ranges] of [
      ["row", rowRanges],
      ["any record", tabletRanges],
    ] as const) {
      const lone = await filled(1, ["a"]);
      const [range] = ranges(lone.tablet.state).toReversed();
      const entries = lone.store.iterate({ ...must(range, spot), reverse: false });
      const [[key, value]] = (await entries.next(1, 1 << 20)) as [[Buffer, Buffer]];
      await entries.close();
      const rotten = Buffer.from(value);
      rotten.writeUInt8(rotten.readUInt8(rotten.length - 1) ^ 4, rotten.length - 1);
      await lone.store.write([{ type: "put", key, value: rotten }]);
      const damaged: Error[] = [];
      const verifications = new Verifications(lone.store, (error) => lone.failures.push(error));
      verifications.begin(lone.tablet.state, { index: 9 as never, verifyId: 1 }, (error) => {
        damaged.push(error);
      });
      expect(await verifications.result(TABLET, 1, never), spot).toBeNull();
      expect(damaged, spot).toHaveLength(1);
      expect(lone.failures).toEqual([]);
    }
  });

  test("is waited for, by each as long as it wants", async () => {
    const lone = await filled(1, ["a"]);
    const verifications = new Verifications(lone.store, (error) => lone.failures.push(error));
    let expire = (): void => undefined;
    const short = verifications.result(TABLET, 1, new Promise((resolve) => (expire = resolve)));
    const long = verifications.result(TABLET, 1, never);
    expire();
    expect(await short).toBeNull();
    verifications.begin(lone.tablet.state, { index: 4 as never, verifyId: 1 }, () => undefined);
    expect((await long)?.index).toBe(4);
    expect(await verifications.result(TABLET, 1, never)).toEqual(await long);
  });
});
