import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { isAlive } from "./process-identity.ts";
import { TestCluster } from "./test-cluster.ts";

const scripted = fileURLToPath(new URL("testing/scripted-server.ts", import.meta.url));
const stele = [process.execPath, scripted];

test("a test cluster leaves neither processes nor directory", async () => {
  const cluster = await TestCluster.start({ tabletServers: 2, stele });
  const { processes, directory } = cluster;
  expect(processes).toHaveLength(4);
  await cluster[Symbol.asyncDispose]();
  expect(processes.some(({ pid }) => isAlive(pid))).toBe(false);
  expect(existsSync(directory.path)).toBe(false);
});

test("a killed server stays dead until it is restarted; a wiped one has lost its data", async () => {
  await using cluster = await TestCluster.start({ stele });
  const { pid, dataDir } = cluster.process("ts1");
  await cluster.kill("ts1");
  expect(isAlive(pid)).toBe(false);
  expect(cluster.process("ts1").pid).toBe(pid);
  await cluster.restart("ts1");
  expect(cluster.process("ts1").pid).not.toBe(pid);
  await cluster.wipe("ts1");
  expect(existsSync(dataDir)).toBe(false);
});

test("all servers may be dead at once, and the cluster stopped and started", async () => {
  await using cluster = await TestCluster.start({ stele });
  const { url } = cluster;
  for (const { id } of cluster.processes) await cluster.kill(id);
  for (const { id } of cluster.processes) await cluster.restart(id);
  await cluster.stopAll();
  await cluster.startAll();
  expect(cluster.url).toBe(url);
});

test("a cluster that does not become ready says why and is cleaned up", async () => {
  const broken = [process.execPath, "-e", "console.log('no disk'); process.exit(1)", "--"];
  const start = TestCluster.start({ stele: broken, readyWithinMs: 500 });
  await expect(start).rejects.toThrow(/not become ready in time[^]*ts1: no disk/);
  const own = readdirSync(tmpdir()).filter((name) => {
    return name.startsWith(`stele-test-cluster-${process.pid}-`);
  });
  expect(own).toEqual([]);
});

test("the next start removes the directory of a killed test runner", async () => {
  const module = JSON.stringify(new URL("test-cluster.ts", import.meta.url).href);
  const code = `
    import { TestCluster } from ${module};
    const cluster = await TestCluster.start({ stele: ${JSON.stringify(stele)} });
    console.log(JSON.stringify(cluster.processes.map(({ pid }) => pid)), cluster.directory.path);
    await new Promise(() => setInterval(() => {}, 1000));`;
  const runner = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(runner.stdout, "data")) as [Buffer];
  const [pids = "[]", path = ""] = line.toString().trim().split(" ");
  runner.kill("SIGKILL");
  await once(runner, "exit");
  await using cluster = await TestCluster.start({ stele });
  expect(existsSync(path)).toBe(false);
  const ended = async (): Promise<boolean> => !(JSON.parse(pids) as number[]).some(isAlive);
  expect(await cluster.waitFor(ended, { what: "servers end", withinMs: 5000 })).toBe(true);
  expect(path.startsWith(join(tmpdir(), "stele-test-cluster-"))).toBe(true);
});
