/**
 * Everything that a machine keeps in the store lies inside its ranges (state-machine.ts, M4): what lies outside is not
 * in its snapshots, not in its comparisons with other replicas, and is never deleted.
 */
import type {
  AppliedBatch,
  KeyRange,
  StateMachine,
  StateMachineFactory,
} from "@stele/shared/replication/state-machine.ts";
import type { Report } from "./report.ts";

export class OwnRanges {
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** The machine has applied what the batch comes from. */
  check(machine: StateMachine, factory: StateMachineFactory, { operations }: AppliedBatch): void {
    if (operations.length === 0) return;
    const ranges = factory.rangesOf(machine.encodeState());
    const stray = operations.find(({ key }) => !contain(ranges, key));
    if (stray === undefined) return;
    const key = stray.key.toString("hex");
    this.#report(`${stray.type} of ${key}, which is outside of the machine's ranges`);
  }
}

function contain(ranges: readonly KeyRange[], key: Buffer): boolean {
  return ranges.some(
    ({ start, end }) => Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0,
  );
}
