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
  /** As they were last looked up: they change seldom. */
  readonly #known = new WeakMap<StateMachine, readonly KeyRange[]>();

  constructor(report: Report) {
    this.#report = report;
  }

  check(machine: StateMachine, factory: StateMachineFactory, { operations }: AppliedBatch): void {
    for (const { key, type } of operations) {
      if (contain(this.#known.get(machine), key)) continue;
      const ranges = factory.rangesOf(machine.encodeState());
      this.#known.set(machine, ranges);
      if (contain(ranges, key)) continue;
      this.#report(`${type} of ${key.toString("hex")}, which is outside of the machine's ranges`);
      return;
    }
  }
}

function contain(ranges: readonly KeyRange[] = [], key: Buffer): boolean {
  return ranges.some(
    ({ start, end }) => Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0,
  );
}
