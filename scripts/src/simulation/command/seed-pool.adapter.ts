/**
 * Runs seeds in processes of their own, several at a time.
 *
 * W1. One seed a process at a time: whatever ends or stops a process is put down to the seed it ran.
 * W2. Every job gets an outcome: a process that takes too long over one is killed.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { SeedAnswer, SeedJob, SeedOutcome } from "./seed-messages.ts";

const WORKER = new URL("./seed-worker.adapter.ts", import.meta.url);
const STDERR_CHARACTERS = 4_000;
const CLOSED: SeedOutcome = { kind: "crashed", detail: "the pool was closed" };

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
  #closed = false;

  constructor(options: SeedPoolOptions) {
    this.#options = options;
  }

  run(job: SeedJob): Promise<SeedOutcome> {
    if (this.#closed) return Promise.resolve(CLOSED);
    return new Promise((settle) => {
      this.#waiting.push({ job, settle });
      this.#next();
    });
  }

  /** Ends its processes; jobs that are not done get the outcome "crashed". */
  async close(): Promise<void> {
    this.#closed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(CLOSED);
    await Promise.all([...this.#workers].map((worker) => worker.kill()));
  }

  #next(): void {
    while (!this.#closed && this.#waiting.length > 0) {
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

  async kill(): Promise<void> {
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
