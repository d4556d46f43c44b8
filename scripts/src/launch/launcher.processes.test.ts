import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ClusterDirectory } from "./cluster-directory.ts";
import type { RunningProcess } from "./cluster-directory.ts";
import { runCluster } from "./launcher.ts";
import type { LaunchRequest } from "./launcher.ts";
import { isAlive } from "./process-identity.ts";

const scripted = fileURLToPath(new URL("testing/scripted-server.ts", import.meta.url));

let directory: ClusterDirectory;
let stops: (() => Promise<unknown>)[];

beforeEach(() => {
  directory = new ClusterDirectory(mkdtempSync(join(tmpdir(), "stele-launcher-")));
  stops = [];
});

afterEach(async () => {
  for (const stop of stops) await stop();
  rmSync(directory.path, { recursive: true, force: true });
});

function launch(request: Partial<LaunchRequest> = {}) {
  const stop = new AbortController();
  const kill = new AbortController();
  const lines: string[] = [];
  const told: string[] = [];
  const run = runCluster(
    {
      directory,
      masters: 1,
      tabletServers: 1,
      frontends: 1,
      port: 0,
      restart: "always",
      stele: [process.execPath, scripted],
      flags: { master: [], "tablet-server": [], frontend: [] },
      ...request,
    },
    {
      announce: (line) => void lines.push(line),
      tell: (line) => void told.push(line),
      stop: stop.signal,
      kill: kill.signal,
    },
  );
  const settled = run.catch((error: unknown) => error);
  const end = async (): Promise<unknown> => {
    stop.abort();
    kill.abort();
    return settled;
  };
  stops.push(end);
  return { run, settled, lines, told, stop: () => (stop.abort(), settled), kill };
}

async function until<T>(condition: () => T | false | undefined, what: string): Promise<T> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const result = condition();
    if (result !== false && result !== undefined) return result;
    await sleep(20);
  }
  throw new Error(`never happened: ${what}`);
}

const ready = ({ lines }: { lines: string[] }) => until(() => lines[0], "ready");

function serverNamed(id: string): RunningProcess {
  const found = directory.readProcesses().find((process) => process.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

function script(id: string, value: object): void {
  writeFileSync(join(directory.path, `${id}.json`), JSON.stringify(value));
}

function argumentsOf(id: string): string[] {
  return JSON.parse(readFileSync(join(directory.path, id, "arguments.json"), "utf8")) as string[];
}

test("a cluster runs each server as its own process until it is stopped", async () => {
  const cluster = launch({ tabletServers: 2 });
  expect(await ready(cluster)).toContain(serverNamed("fe1").url);
  const processes = directory.readProcesses();
  expect(processes.map(({ role, id }) => `${role} ${id}`)).toEqual([
    "master m1",
    "tablet-server ts1",
    "tablet-server ts2",
    "frontend fe1",
  ]);
  expect(processes.every(({ pid }) => isAlive(pid))).toBe(true);
  await cluster.stop();
  expect(processes.some(({ pid }) => isAlive(pid))).toBe(false);
  expect(processes.every(({ dataDir }) => existsSync(join(dataDir, "stopped")))).toBe(true);
  expect(existsSync(join(directory.path, "cluster.json"))).toBe(false);
});

test("masters form the cluster at the first start only", async () => {
  const first = launch();
  await ready(first);
  await first.stop();
  expect(argumentsOf("m1")).toContain("--bootstrap");
  const second = launch({ tabletServers: 2, port: undefined });
  await ready(second);
  expect(argumentsOf("m1")).not.toContain("--bootstrap");
  expect(argumentsOf("ts2")).not.toContain("--bootstrap");
});

test("a start on the data of a running cluster is refused", async () => {
  const cluster = launch();
  await ready(cluster);
  await expect(launch().run).rejects.toThrow(/already running on .* \(its launcher is /s);
  expect(directory.readProcesses().every(({ pid }) => isAlive(pid))).toBe(true);
});

test("a killed server comes back, which is told, unless restarts are off", async () => {
  const cluster = launch();
  await ready(cluster);
  const { pid } = serverNamed("ts1");
  process.kill(pid, "SIGKILL");
  const again = await until(() => {
    const now = serverNamed("ts1").pid;
    return now !== pid && now;
  }, "restart");
  expect(isAlive(again)).toBe(true);
  await until(() => cluster.told.length > 1, "word of it");
  expect(cluster.told).toEqual(["ts1 ended (SIGKILL), restarting in 0.2 s", "ts1 is back"]);
});

test("without restarts a launcher ends when its last server has", async () => {
  const cluster = launch({ restart: "never" });
  await ready(cluster);
  for (const { pid } of directory.readProcesses()) process.kill(pid, "SIGKILL");
  await expect(cluster.run).rejects.toThrow("every server has ended");
});

test("a server that keeps ending is told of with its last words", async () => {
  script("ts1", { exit: 1, say: "disk on fire" });
  const cluster = launch();
  const lines = await until(
    () => cluster.told.some((line) => line.includes("keeps ending")) && cluster.told,
    "crash loop",
  );
  expect(lines.join("\n")).toMatch(/ts1 ended .*\n.*\n.*3 times in a row.*\n +disk on fire/);
});

test("a server that refuses its arguments ends the start", async () => {
  script("ts1", { exit: 2, say: "unknown flag" });
  await expect(launch().run).rejects.toThrow("ts1 refused to start:\n  unknown flag");
});

test("a formed cluster starts without a server that refuses, but not without a whole role", async () => {
  const tabletServers = 2;
  const first = launch({ tabletServers });
  await ready(first);
  await first.stop();
  script("ts1", { exit: 2, say: "lost its identity" });
  const second = launch({ tabletServers, port: undefined });
  await until(() => second.told.some((line) => line.startsWith("ts1 keeps ending")), "report");
  expect(isAlive(serverNamed("ts2").pid)).toBe(true);
  await second.stop();
  script("ts2", { exit: 2, say: "so did this" });
  await expect(launch({ tabletServers, port: undefined }).run).rejects.toThrow("refused to start");
});

test("a server that does not end is killed", async () => {
  script("ts1", { ignoreTerm: true });
  const cluster = launch();
  await ready(cluster);
  const { pid } = serverNamed("ts1");
  const stopped = cluster.stop();
  cluster.kill.abort();
  await stopped;
  expect(isAlive(pid)).toBe(false);
  expect(cluster.told).toContain("ts1 had not stopped and was killed at the second interrupt");
});

test("the cluster is not announced while a server is not ready", async () => {
  script("ts1", { notReady: "recovering" });
  const cluster = launch();
  await until(() => directory.readProcesses().length === 3 && true, "start");
  await sleep(300);
  expect(cluster.lines).toEqual([]);
  script("ts1", {});
  await ready(cluster);
});

test("a taken port moves the cluster to the next block, which is remembered", async () => {
  const first = launch();
  await ready(first);
  const base = Number(new URL(serverNamed("fe1").url).port);
  await first.stop();
  const blocker = createServer().listen(base + 20, "127.0.0.1");
  try {
    const second = launch({ port: undefined });
    await ready(second);
    expect(serverNamed("fe1").url).toBe(`http://127.0.0.1:${base + 100}`);
    expect(second.told[0]).toContain(`port ${base + 20} is taken`);
    await second.stop();
  } finally {
    await new Promise((resolve) => blocker.close(resolve));
  }
  const third = launch({ port: undefined });
  await ready(third);
  expect(serverNamed("fe1").url).toBe(`http://127.0.0.1:${base + 100}`);
});

test("servers end with a killed launcher, and the next start waits for their ports", async () => {
  const launcher = startLauncherProcess();
  stops.push(async () => launcher.kill("SIGKILL"));
  await until(() => directory.readProcesses().length === 3 && true, "start");
  await until(() => directory.readCluster()?.formed === true && true, "ready");
  const processes = directory.readProcesses();
  launcher.kill("SIGKILL");
  await until(() => !isAlive(launcher.pid ?? 0), "death of the launcher");
  const next = launch({ port: undefined });
  await ready(next);
  expect(processes.some(({ pid }) => isAlive(pid))).toBe(false);
  expect(directory.readProcesses().map(({ url }) => url)).toEqual(processes.map(({ url }) => url));
  expect(processes.every(({ dataDir }) => existsSync(join(dataDir, "stopped")))).toBe(true);
});

/** A launcher that can be killed: the one of this file in its own process. */
function startLauncherProcess(): ChildProcess {
  const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const code = `
    import { runCluster } from ${module("launcher.ts")};
    import { ClusterDirectory } from ${module("cluster-directory.ts")};
    const signal = new AbortController().signal;
    await runCluster({
      directory: new ClusterDirectory(${JSON.stringify(directory.path)}), masters: 1, tabletServers: 1,
      frontends: 1, port: 0, restart: "always",
      stele: [process.execPath, ${JSON.stringify(scripted)}],
      flags: { master: [], "tablet-server": [], frontend: [] },
    }, { announce: () => {}, tell: () => {}, stop: signal, kill: signal });`;
  return spawn(process.execPath, ["--input-type=module-typescript", "-e", code], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}
