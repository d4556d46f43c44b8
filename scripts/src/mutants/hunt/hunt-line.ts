/** What the hunting process tells the one that started it: a line of JSON after every seed. */
import type { Violation } from "../../simulation/violation.ts";

export interface HuntLine {
  readonly seed: number;
  /** Null: nothing was found wrong. The hunt ends at the first. */
  readonly violation: Pick<Violation, "checker" | "detail"> | null;
}
