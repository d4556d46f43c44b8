/** Ten minutes of every nemesis on larger clusters. A failure keeps its evidence and names where. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FAULT_KINDS } from "./faults/fault.ts";
import { runRounds } from "./nemesis-rounds.ts";

test("what clients were told holds under every nemesis", async () => {
  const directory = mkdtempSync(join(tmpdir(), "stele-nemesis-long-"));
  const report = await runRounds({
    sizes: { masters: 3, tabletServers: 5, frontends: 2 },
    durationMs: 600_000,
    seed: 1,
    kinds: FAULT_KINDS,
    clients: 10,
    directory,
    tell: (line) => console.error(line),
    stop: new AbortController().signal,
  });
  expect(report.problems, `kept in ${directory}`).toEqual([]);
  expect([...report.faults.keys()].toSorted()).toEqual([...FAULT_KINDS].toSorted());
});
