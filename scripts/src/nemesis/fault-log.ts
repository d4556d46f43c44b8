/** What was done to a cluster and when, on the clock of the histories: NDJSON, written as it happens. */
import { appendFileSync } from "node:fs";
import type { FaultKind } from "./faults/fault.ts";

export interface FaultLogParts {
  readonly path: string;
  readonly nowMs: () => number;
  /** For people who watch. */
  readonly tell: (line: string) => void;
}

export type FaultStage = "inflict" | "inflicted" | "heal" | "healed";

export class FaultLog {
  readonly #parts: FaultLogParts;
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
    const line = JSON.stringify({ atMs: Math.round(this.#parts.nowMs()), ...members });
    appendFileSync(this.#parts.path, `${line}\n`);
  }

  #tell(text: string): void {
    const seconds = (this.#parts.nowMs() / 1000).toFixed(1).padStart(6);
    this.#parts.tell(`${seconds} s  ${text}`);
  }
}
