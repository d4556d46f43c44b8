/**
 * A tablet server whose disk takes no more: it ends at once, and nothing that it acknowledged is missing when it comes
 * back with room. The disk is made full by the kernel's limit on the size of a file, which fails the write as a full
 * disk does, in the real process.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAlive } from "../launch/process-identity.ts";
import { TestCluster } from "../launch/test-cluster.ts";
import { Rest } from "./rest.ts";

const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const VALUE = "x".repeat(20_000);

let folder: string;
let cluster: TestCluster;
let rest: Rest;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stele-full-disk-"));
  const wrapper = join(folder, "stele.sh");
  // Limits a tablet server's files to 3 MiB while the marker is there.
  const limited = `[ "$2" = tablet-server ] && [ -e ${folder}/full ]`;
  const script = `if ${limited}; then trap "" XFSZ; ulimit -f 3072; fi\nexec ${process.execPath} ${main} "$@"\n`;
  writeFileSync(wrapper, script);
  writeFileSync(join(folder, "full"), "");
  cluster = await TestCluster.start({ stele: ["bash", wrapper] });
  rest = new Rest(cluster.url);
});

afterAll(async () => {
  await rest?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("a server that cannot write its log ends, and has everything it acknowledged when it returns", async () => {
  const created = await rest.post("/tables", { name: "t" });
  expect(created.status).toBe(201);
  const { pid } = cluster.process("ts1");
  const acknowledged: number[] = [];
  for (let row = 0; row < 500 && isAlive(pid); row++) {
    const reply = await rest.put(`/tables/t/rows/r${row}?timeout=500ms`, {
      columns: { "d:v": VALUE },
    });
    if (reply.status === 201) acknowledged.push(row);
    else expect(reply.json<{ code: string }>().code).toMatch(/NO_QUORUM|UNAVAILABLE|DEADLINE/);
  }
  expect(acknowledged.length).toBeGreaterThan(10);
  expect(acknowledged.length).toBeLessThan(500);
  await cluster.waitFor(() => Promise.resolve(!isAlive(pid)), { what: "ts1 ends" });
  expect(cluster.log("ts1")).toContain("the process ends");

  rmSync(join(folder, "full"));
  await cluster.restart("ts1");
  const keys = acknowledged.map((row) => `r${row}`);
  const columns = { "d:v": VALUE };
  const kept = await rest.post("/tables/t/rows:get", { keys });
  expect(kept.json(), kept.text.slice(0, 500)).toMatchObject({
    rows: keys.map((key) => ({ key, found: true, columns })),
  });
  const more = await rest.put("/tables/t/rows/after", { columns: { "d:v": "1" } });
  expect(more.status).toBe(201);
});
