import { fileURLToPath } from "node:url";
import { systemClock } from "@stele/shared/clock.ts";
import { expect, test } from "vitest";
import { mutantsNamed } from "./all-mutants.ts";
import { hunt } from "./hunt/hunt.ts";
import type { Mutant } from "./mutant.ts";
import { reportOf } from "./report.ts";
import { runMutants } from "./run-mutants.ts";

const harmless: Mutant = {
  name: "Nothing is wrong",
  number: null,
  edits: [
    { file: "shared/src/version.ts", original: "export const", replacement: "export  const" },
  ],
  catchers: ["liveness"],
};

const root = fileURLToPath(new URL("../../../", import.meta.url));

test("a planted bug is told from a patch that changes nothing", async ({ signal }) => {
  const [bug] = mutantsNamed("A follower acknowledges entries before they are durable");
  if (bug === undefined) throw new Error("the bug is not planted any more");
  const results = await runMutants({
    mutants: [bug, harmless],
    range: { from: 1, seeds: 3 },
    jobs: 2,
    root,
    clock: systemClock,
    signal,
    progress: () => undefined,
  });
  expect(results.map(({ finding }) => finding.kind)).toEqual(["caught", "survived"]);
  expect(results[0]?.finding).toMatchObject({ by: bug.catchers[0] });
  expect(reportOf(results)).toContain("2 planted bugs: 1 caught");
  expect(reportOf(results)).toMatch(/Nothing is wrong +SURVIVED/);
});

test("a hunt that is called off ends with the reason, and its process with it", async () => {
  const called = AbortSignal.timeout(500);
  const hunted = hunt(root, { from: 1, seeds: 1_000_000 }, called);
  await expect(hunted).rejects.toThrow("aborted due to timeout");
});
