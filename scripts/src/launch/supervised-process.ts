// One server process under the launcher: started, watched, restarted with back-off, stopped.
//
// S1. At most one process of a plan runs at a time; a restart waits for the exit of the one before.
// S2. After retire() nothing is started again.
// S3. The process holds the read end of a pipe as descriptor 3 and ends when the launcher does.
// S4. Whoever was told of a death is told when a restart serves again.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, fstatSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "@stele/shared/assert.ts";
import type { ServerPlan } from "./cluster-layout.ts";
import { lastLogLines, openProcessLog } from "./process-log.ts";
import { probeReadiness } from "./readiness.ts";

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 5000;
/** Who lives so long has started well: the next death counts as the first. */
const QUICK_DEATH_MS = 10_000;
const CRASH_LOOP_DEATHS = 3;
/** Later deaths of a crash loop are told once a minute. */
const RETELL_DEATHS = 12;
/** Ctrl-C reaches the servers as well as the launcher; a death told in between would alarm. */
const TELL_AFTER_MS = 100;
const LOG_LINES_TOLD = 8;
/** Between two looks at whether a restarted server serves. */
const BACK_POLL_MS = 100;

export interface Supervision {
  readonly plan: ServerPlan;
  readonly logPath: string;
  readonly restart: boolean;
  /** Program and arguments, asked for at every start. */
  readonly command: () => readonly string[];
  readonly onStarted: () => void;
  readonly onEnded: (exitCode: number | null) => void;
  readonly tell: (line: string) => void;
}

export class SupervisedProcess {
  readonly #supervision: Supervision;
  #child: ChildProcess | null = null;
  #pid = 0;
  #startedAtMs = 0;
  #logFrom = 0;
  #quickDeaths = 0;
  #retired = false;
  /** S4. */
  #isMissed = false;
  readonly #timers = new Set<NodeJS.Timeout>();
  #ended: Promise<void> = Promise.resolve();

  constructor(supervision: Supervision) {
    this.#supervision = supervision;
  }

  get plan(): ServerPlan {
    return this.#supervision.plan;
  }

  /** Of the running process, else of the last one; 0 before the first. */
  get pid(): number {
    return this.#pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  start(): void {
    assert(this.#child === null, "S1: one process of a plan at a time");
    const { command, logPath, onStarted } = this.#supervision;
    const [program = process.execPath, ...args] = command();
    const log = openProcessLog(logPath);
    this.#logFrom = fstatSync(log).size;
    const child = spawn(program, args, {
      stdio: ["ignore", log, log, "pipe"],
      env: { ...process.env, STELE_LAUNCHER_PIPE: "1" },
    });
    closeSync(log);
    // The pipe breaks when the process dies, which "exit" tells better.
    child.stdio[3]?.on("error", () => {});
    this.#child = child;
    this.#pid = child.pid ?? this.#pid;
    this.#startedAtMs = performance.now();
    this.#ended = new Promise((resolve) => {
      const end = (how: string, exitCode: number | null): void => {
        if (this.#child !== child) return;
        this.#child = null;
        resolve();
        this.#afterDeath(how, exitCode);
      };
      child.once("error", (error) => end(error.message, null));
      child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`, code));
    });
    onStarted();
    if (this.#isMissed) void this.#tellReturn(child);
  }

  /** Resolves when no process of this plan runs. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** From here on its death is expected. */
  retire(): void {
    this.#retired = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** SIGTERM, and SIGKILL once `kill` fires. Resolves to how it ended. */
  async stop(kill: AbortSignal): Promise<"by itself" | "killed"> {
    this.retire();
    const child = this.#child;
    if (child === null) return "by itself";
    const killNow = (): void => void child.kill("SIGKILL");
    child.kill("SIGTERM");
    // A stopped process would not see it.
    child.kill("SIGCONT");
    if (kill.aborted) killNow();
    kill.addEventListener("abort", killNow, { once: true });
    await this.#ended;
    kill.removeEventListener("abort", killNow);
    // It may have ended by itself just before.
    return kill.aborted && child.signalCode === "SIGKILL" ? "killed" : "by itself";
  }

  #afterDeath(how: string, exitCode: number | null): void {
    if (this.#retired) return;
    const lived = performance.now() - this.#startedAtMs;
    this.#quickDeaths = lived >= QUICK_DEATH_MS ? 1 : this.#quickDeaths + 1;
    const delay = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (this.#quickDeaths - 1));
    this.#later(TELL_AFTER_MS, () => this.#tellDeath(how, delay));
    if (this.#supervision.restart) this.#later(delay, () => this.start());
    this.#supervision.onEnded(exitCode);
  }

  #tellDeath(how: string, delayMs: number): void {
    const { restart, tell, logPath, plan } = this.#supervision;
    const deaths = this.#quickDeaths;
    if (deaths > CRASH_LOOP_DEATHS && deaths % RETELL_DEATHS !== 0) return;
    this.#isMissed = restart;
    const next = restart ? `restarting in ${delayMs / 1000} s` : "not restarted";
    if (deaths < CRASH_LOOP_DEATHS) {
      tell(`${plan.id} ended (${how}), ${next}`);
      return;
    }
    tell(`${plan.id} keeps ending (${how}, ${deaths} times in a row), ${next}; its last words:`);
    for (const line of this.lastWords()) tell(`  ${line}`);
    tell(`  more in ${logPath}`);
  }

  /** S4. Ends with the process. */
  async #tellReturn(child: ChildProcess): Promise<void> {
    const { plan, tell } = this.#supervision;
    for (;;) {
      const { kind } = await probeReadiness(plan.url);
      if (this.#child !== child || this.#retired) return;
      if (kind === "ready") break;
      await sleep(BACK_POLL_MS);
    }
    this.#isMissed = false;
    tell(`${plan.id} is back`);
  }

  /** The last lines that the latest process wrote to its log. */
  lastWords(): readonly string[] {
    return lastLogLines(this.#supervision.logPath, LOG_LINES_TOLD, this.#logFrom);
  }

  #later(delayMs: number, callback: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, delayMs);
    this.#timers.add(timer);
  }
}
