/** The life of one simulated process: its clock and its end of the network, from start to crash. */
import { assert } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import type { MemoryHost, MemoryNetwork } from "@stele/shared/rpc/testing/memory-network.ts";
import type { ProcessClock, SimulatedClock } from "@stele/shared/testing/simulated-clock.ts";
import type { ProcessState } from "./simulated-process.ts";

export interface Incarnation {
  readonly clock: ProcessClock;
  readonly net: MemoryHost;
}

export class ProcessLife {
  /** Whatever its disks do happens on the clock of the process that uses them. */
  readonly diskClock: Clock;
  readonly #line: SimulatedClock;
  readonly #network: MemoryNetwork;
  readonly #url: string;
  #incarnation: Incarnation | null = null;
  #state: ProcessState = "down";
  /** As the machine's clock is set; it outlives processes. */
  readonly #wallSkewMicros: number;

  constructor(line: SimulatedClock, network: MemoryNetwork, url: string, wallSkewMicros: number) {
    this.#line = line;
    this.#network = network;
    this.#url = url;
    this.#wallSkewMicros = wallSkewMicros;
    const now = (): Clock => this.#incarnation?.clock ?? line;
    this.diskClock = {
      monotonicMs: () => now().monotonicMs(),
      wallMicros: () => now().wallMicros(),
      // The end of a step of a disk is no timer: it comes from another thread.
      after: (delayMs, callback) =>
        this.#incarnation?.clock.arrive(delayMs, this, callback) ?? line.after(delayMs, callback),
      soon: (callback) => now().soon(callback),
    };
  }

  get state(): ProcessState {
    return this.#state;
  }

  get clock(): ProcessClock | null {
    return this.#incarnation?.clock ?? null;
  }

  begin(): Incarnation {
    assert(this.#state === "down", () => `${this.#url} is ${this.#state}`);
    const clock = this.#line.process(this.#wallSkewMicros);
    this.#incarnation = { clock, net: this.#network.host(this.#url, clock) };
    this.#state = "starting";
    return this.#incarnation;
  }

  isNow(incarnation: Incarnation): boolean {
    return this.#incarnation === incarnation;
  }

  started(): void {
    if (this.#state === "starting") this.#state = "running";
  }

  end(): void {
    assert(this.#incarnation !== null, () => `${this.#url} is down already`);
    this.#incarnation.clock.stop();
    this.#incarnation.net.crash();
    this.#incarnation = null;
    this.#state = "down";
  }

  pause(): void {
    assert(this.#state === "running", () => `${this.#url} is ${this.#state}`);
    this.#incarnation?.clock.pause();
    this.#state = "paused";
  }

  resume(): void {
    assert(this.#state === "paused", () => `${this.#url} is ${this.#state}`);
    this.#incarnation?.clock.resume();
    this.#state = "running";
  }
}
