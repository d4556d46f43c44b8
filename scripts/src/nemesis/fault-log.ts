/**
 * What was done to a cluster and when, on the clock of the histories: NDJSON, written as it happens.
 *
 * F1. The first line says what wall time that clock began at, since the servers' logs have wall times.
 */
import { appendFileSync } from "node:fs";
import type { Clock } from "@stele/shared/clock.ts";
import type { FaultKind } from "./faults/fault.ts";

export interface FaultLogParts {
  readonly path: string;
  /** Of the histories. */
  readonly clock: Clock;
  /** For people who watch. */
  readonly tell: (line: string) => void;
}

export type FaultStage = "inflict" | "inflicted" | "heal" | "healed";

export class FaultLog {
  readonly #parts: FaultLogParts;
  #hasBegun = false;
  readonly #counts = new Map<FaultKind, number>();

  constructor(parts: FaultLogParts) {
    this.#parts = parts;
  }

  /** Inflicted faults by kind. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  fault(number: number, kind: FaultKind, stage: FaultStage, text: string): void {
    if (stage === "inflict") this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#write({ fault: number, kind, stage, text });
    if (stage === "inflict" || stage === "heal") this.#tell(`${stage} #${number}: ${text}`);
  }

  note(text: string): void {
    this.#write({ note: text });
    this.#tell(text);
  }

  #write(members: object): void {
    const { clock, path } = this.#parts;
    const line = JSON.stringify({ atMs: Math.round(clock.monotonicMs()), ...members });
    appendFileSync(path, `${this.#hasBegun ? "" : this.#firstLine()}${line}\n`);
    this.#hasBegun = true;
  }

  /** F1. */
  #firstLine(): string {
    const { clock } = this.#parts;
    const beganAt = new Date(clock.wallMicros() / 1000 - clock.monotonicMs());
    return `${JSON.stringify({ atMs: 0, wallTime: beganAt.toISOString() })}\n`;
  }

  #tell(text: string): void {
    const seconds = (this.#parts.clock.monotonicMs() / 1000).toFixed(1).padStart(6);
    this.#parts.tell(`${seconds} s  ${text}`);
  }
}
