/** Runs seeds in a scratch copy, in a process of its own, until a checker finds something wrong. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { CancelTimer, Clock } from "@stele/shared/clock.ts";
import type { CheckerName } from "../../check/checker-name.ts";
import type { HuntLine } from "./hunt-line.ts";

/** A healthy run takes about a second: one that goes on for so long stands still. */
const SEED_LIMIT_MS = 180_000;
const DETAIL_LENGTH_MAX = 2000;

export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
}

export interface Catch {
  readonly kind: "caught";
  readonly seed: number;
  /** `stands still`: no end within the limit. `gives up`: the process that ran the seed ended. */
  readonly by: CheckerName | "stands still" | "gives up";
  readonly detail: string;
}

export type Finding = Catch | { readonly kind: "survived" };

/** `directory`: of the scratch copy. Rejects when `signal` is aborted; the process is gone then. */
export async function hunt(
  directory: string,
  { from, seeds }: SeedRange,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding> {
  const child = spawn(
    process.execPath,
    ["scripts/src/mutants/hunt/main.ts", String(from), String(seeds)],
    { cwd: directory, stdio: ["ignore", "pipe", "pipe"], signal, killSignal: "SIGKILL" },
  );
  let seed = from;
  let found: Catch | null = null;
  let complaint = "";
  let standsStill = false;
  const startLimit = (): CancelTimer =>
    clock.after(SEED_LIMIT_MS, () => {
      standsStill = true;
      child.kill("SIGKILL");
    });
  let cancelLimit = startLimit();
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-DETAIL_LENGTH_MAX);
  });
  createInterface({ input: child.stdout }).on("line", (text) => {
    cancelLimit();
    cancelLimit = startLimit();
    const line = JSON.parse(text) as HuntLine;
    seed = line.seed + 1;
    if (line.violation === null) return;
    const { checker: by, detail } = line.violation;
    found = { kind: "caught", seed: line.seed, by, detail };
  });
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (found !== null) return found;
    if (exitCode === 0 && seed === from + seeds) return { kind: "survived" };
  } finally {
    cancelLimit();
  }
  return { kind: "caught", seed, by: standsStill ? "stands still" : "gives up", detail: complaint };
}
