// The launcher's own files in the data directory of a local cluster.
//
//   ports.json    what the cluster is: base port, number of servers, whether it was formed
//   cluster.json  what runs now: role, id, pid, url and data directory of each process
//   logs/         one log a process
//   lock/         held by the launcher while it runs
//   m1/ ts1/ ...  the servers' own directories
//
// D1. The number of masters never changes: it is the size of the catalog's Raft group.
// D2. `formed` is written only after the whole cluster was ready once; until then masters may still
//     form it, afterwards an empty master directory is a lost master.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectories } from "@stele/shared/make-directories.adapter.ts";
import { lockDirectory, LockHeldError } from "@stele/shared/process/process-lock.adapter.ts";
import type { ProcessLock } from "@stele/shared/process/process-lock.adapter.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";
import { replaceFile } from "./atomic-file.ts";
import { DEFAULT_PORT } from "./cluster-layout.ts";
import type { ClusterShape } from "./cluster-layout.ts";
import { LaunchError } from "./launch-error.ts";

export interface RememberedCluster extends ClusterShape {
  readonly base: number;
  readonly formed: boolean;
}

export interface RunningProcess {
  readonly role: ServerRole;
  readonly id: string;
  /** The serving process itself; of a dead one the last pid, until it is restarted. */
  readonly pid: number;
  readonly url: string;
  readonly dataDir: string;
}

/** The holder may be a launcher that was killed a moment ago. */
const LOCK_PATIENCE_MS = 1000;
const LOCK_POLL_MS = 50;

export class ClusterDirectory {
  /** Absolute. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get logsPath(): string {
    return join(this.path, "logs");
  }

  logPath(id: string): string {
    return join(this.logsPath, `${id}.log`);
  }

  create(): void {
    try {
      makeDirectories(this.logsPath);
    } catch (error) {
      throw new LaunchError(`cannot use ${this.path} as data directory: ${messageOf(error)}`);
    }
  }

  /** One launcher a directory; throws `LaunchError` while another one lives. */
  async lock(): Promise<ProcessLock> {
    const endMs = performance.now() + LOCK_PATIENCE_MS;
    for (;;) {
      try {
        return await lockDirectory(this.path);
      } catch (error) {
        if (!(error instanceof LockHeldError)) throw error;
        if (performance.now() > endMs) throw alreadyRunning(this.path, error.holder);
      }
      await sleep(LOCK_POLL_MS);
    }
  }

  /** Null: no cluster was ever started here. */
  readCluster(): RememberedCluster | null {
    const path = join(this.path, "ports.json");
    const text = readIfPresent(path);
    if (text === null) return this.#guessCluster();
    const value = parseJson(text);
    if (!isRememberedCluster(value)) {
      throw new LaunchError(
        `${path} is damaged. Remove it and start again with the same --masters, ` +
          "--tablet-servers and --port; the data is elsewhere.",
      );
    }
    return value;
  }

  rememberCluster(cluster: RememberedCluster): void {
    const { base, masters, tabletServers, frontends, formed } = cluster;
    const text = JSON.stringify({ base, masters, tabletServers, frontends, formed });
    replaceFile(join(this.path, "ports.json"), `${text}\n`);
  }

  /** What the last run wrote; empty when it stopped cleanly. */
  readProcesses(): readonly RunningProcess[] {
    const text = readIfPresent(join(this.path, "cluster.json"));
    const value = text === null ? null : parseJson(text);
    if (!isRecord(value) || !Array.isArray(value["processes"])) return [];
    return value["processes"].filter(isRunningProcess);
  }

  writeProcesses(processes: readonly RunningProcess[]): void {
    replaceFile(join(this.path, "cluster.json"), `${JSON.stringify({ processes }, null, 1)}\n`);
  }

  removeProcesses(): void {
    rmSync(join(this.path, "cluster.json"), { force: true });
  }

  /** Without ports.json the servers' directories still tell what the cluster was. */
  #guessCluster(): RememberedCluster | null {
    if (!existsSync(this.path)) return null;
    const names = readdirSync(this.path);
    const count = (pattern: RegExp): number => names.filter((name) => pattern.test(name)).length;
    const masters = count(/^m\d+$/);
    if (masters === 0) return null;
    const tabletServers = count(/^ts\d+$/);
    return { base: DEFAULT_PORT, masters, tabletServers, frontends: 1, formed: true };
  }
}

function alreadyRunning(path: string, holder: string): LaunchError {
  return new LaunchError(
    `a cluster is already running on ${path} (its launcher is ${holder}).\n` +
      "  Use it, stop it with Ctrl-C, or start another one with --data-dir <other directory>.",
  );
}

export function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isRememberedCluster(value: unknown): value is RememberedCluster {
  if (!isRecord(value)) return false;
  const counts = ["base", "masters", "tabletServers", "frontends"];
  return (
    counts.every((name) => Number.isSafeInteger(value[name]) && (value[name] as number) >= 1) &&
    typeof value["formed"] === "boolean"
  );
}

function isRunningProcess(value: unknown): value is RunningProcess {
  if (!isRecord(value)) return false;
  const texts = ["role", "id", "url", "dataDir"];
  return Number.isSafeInteger(value["pid"]) && texts.every((key) => typeof value[key] === "string");
}
