/**
 * Runs seeds in processes of their own, several at a time.
 *
 * W1. One seed a process at a time: whatever ends or stops a process is put down to the seed it ran.
 * W2. Every job gets an outcome: a process that takes too long over one is killed.
 * W3. A signal that asks to end reaches every process of a terminal: to die of it is "stopped", which is no failure.
 * W4. No process outlives this one when it exits, not even one that never answers.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { SeedAnswer, SeedJob, SeedOutcome } from "./seed-messages.ts";

const WORKER = new URL("./seed-worker.adapter.ts", import.meta.url);
const STDERR_CHARACTERS = 4_000;
const CLOSED: SeedOutcome = { kind: "crashed", detail: "the pool was closed" };
/** By signal. */
const STOPPING: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM", "SIGHUP"]);

export interface SeedPoolOptions {
  readonly jobs: number;
  /** Exports `runSeed`. */
  readonly runModule: URL;
  /** Of real time, for one seed. */
  readonly limitMs: number;
}

interface Waiting {
  readonly job: SeedJob;
  readonly settle: (outcome: SeedOutcome) => void;
}

export class SeedPool {
  readonly #options: SeedPoolOptions;
  readonly #idle: Worker[] = [];
  readonly #workers = new Set<Worker>();
  #waiting: Waiting[] = [];
  /** What becomes of jobs once it is closed. */
  #closed: SeedOutcome | null = null;
  readonly #exiting = (): void => void this.close();

  constructor(options: SeedPoolOptions) {
    this.#options = options;
    process.on("exit", this.#exiting);
  }

  run(job: SeedJob): Promise<SeedOutcome> {
    if (this.#closed !== null) return Promise.resolve(this.#closed);
    return new Promise((settle) => {
      this.#waiting.push({ job, settle });
      this.#next();
    });
  }

  /** Ends its processes; jobs that are not done get the outcome. */
  async close(outcome: SeedOutcome = CLOSED): Promise<void> {
    process.off("exit", this.#exiting);
    this.#closed ??= outcome;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(outcome);
    await Promise.all([...this.#workers].map((worker) => worker.kill(outcome)));
  }

  #next(): void {
    while (this.#closed === null && this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? this.#newWorker();
      const next = worker === null ? undefined : this.#waiting.shift();
      if (worker === null || next === undefined) return;
      worker.run(next.job).then((outcome) => {
        if (worker.isAlive) this.#idle.push(worker);
        else this.#workers.delete(worker);
        next.settle(outcome);
        this.#next();
      }, next.settle);
    }
  }

  #newWorker(): Worker | null {
    if (this.#workers.size >= this.#options.jobs) return null;
    const worker = new Worker(this.#options);
    this.#workers.add(worker);
    return worker;
  }
}

class Worker {
  readonly #child: ChildProcess;
  readonly #limitMs: number;
  readonly #ended: Promise<void>;
  #isAlive = true;
  #stderr = "";
  #settle: ((outcome: SeedOutcome) => void) | null = null;
  #limit: NodeJS.Timeout | null = null;

  constructor({ runModule, limitMs }: SeedPoolOptions) {
    this.#limitMs = limitMs;
    this.#child = fork(WORKER, [runModule.href], {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    this.#child.on("message", (answer) => this.#done(answer as SeedAnswer));
    this.#ended = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#isAlive = false;
        this.#done({ kind: "crashed", detail: `${how}\n${this.#stderr}`.trimEnd() });
        resolve();
      };
      this.#child.on("error", (error) => ended(error.message));
      this.#child.on("close", (code, signal) => {
        if (signal !== null && STOPPING.has(signal)) this.#done({ kind: "stopped", signal });
        ended(signal === null ? `its process ended with ${code}` : `its process died: ${signal}`);
      });
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** REQUIRES: idle and alive. */
  run(job: SeedJob): Promise<SeedOutcome> {
    return new Promise((settle) => {
      this.#settle = settle;
      this.#limit = setTimeout(() => {
        this.#isAlive = false;
        this.#done({ kind: "hung", limitMs: this.#limitMs });
        this.#child.kill("SIGKILL");
      }, this.#limitMs);
      // An error of the channel ends the process, which is an outcome.
      this.#child.send(job, () => undefined);
    });
  }

  async kill(outcome: SeedOutcome): Promise<void> {
    this.#done(outcome);
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #done(outcome: SeedOutcome): void {
    const settle = this.#settle;
    this.#settle = null;
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#limit = null;
    settle?.(outcome);
  }
}
