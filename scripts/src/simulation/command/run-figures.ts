/** What many runs amount to, in numbers. */
import { counted } from "../../cli/counted.ts";
import { FAULT_MARK } from "../faults/fault-injection.ts";
import { EXPECTED_MARKS } from "../marks/expected-marks.ts";
import { Marks } from "@stele/shared/testing/marks.ts";
import type { RunReport } from "../run-report.ts";
import { durationText } from "./duration-text.ts";

const HOUR_MS = 3_600_000;
/** So many runs must have met every mark. */
export const SEEDS_FOR_MARKS = 2_000;

export interface FiguresView {
  readonly seeds: number;
  readonly from: number;
  /** Of these, so many ran twice, with equal traces. */
  readonly ranTwice: number;
  readonly simulatedHours: number;
  readonly simulatedHoursPerHour: number;
  readonly realSeconds: number;
  readonly events: number;
  readonly operations: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  readonly marks: Readonly<Record<string, number>>;
  readonly marksAtZero: readonly string[];
  readonly failures: number;
}

export class RunFigures {
  readonly marks = new Marks();
  readonly from: number;
  seeds = 0;
  ranTwice = 0;
  failures = 0;
  realMs = 0;
  #simulatedMs = 0;
  #events = 0;
  #operations = 0;

  /** @param from the first seed */
  constructor(from: number) {
    this.from = from;
  }

  add(report: RunReport): void {
    this.#simulatedMs += report.simulatedMs;
    this.#events += report.events;
    this.#operations += report.operations;
    this.marks.addAll(report.marks);
  }

  marksAtZero(): string[] {
    return EXPECTED_MARKS.filter((mark) => this.marks.of(mark) === 0);
  }

  /** Marks at zero that so many runs must have met; fewer runs may have missed any. */
  missingMarks(): string[] {
    return this.seeds < SEEDS_FOR_MARKS ? [] : this.marksAtZero();
  }

  view(): FiguresView {
    const counts = [...this.marks.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const isFault = (mark: string): boolean => mark.startsWith(FAULT_MARK);
    const faults = counts.filter(([mark]) => isFault(mark));
    const byKind = faults.map(([mark, count]) => [mark.slice(FAULT_MARK.length), count] as const);
    return {
      seeds: this.seeds,
      from: this.from,
      ranTwice: this.ranTwice,
      simulatedHours: rounded(this.#simulatedMs / HOUR_MS),
      simulatedHoursPerHour: rounded(this.#simulatedMs / Math.max(1, this.realMs)),
      realSeconds: rounded(this.realMs / 1000),
      events: this.#events,
      operations: this.#operations,
      faultsByKind: Object.fromEntries(byKind),
      marks: Object.fromEntries(counts.filter(([mark]) => !isFault(mark))),
      marksAtZero: this.marksAtZero(),
      failures: this.failures,
    };
  }

  /** Faults, marks, marks at zero (by name once there are enough runs to tell), then one line with the rest. */
  text(): string {
    const view = this.view();
    const zero = view.marksAtZero;
    const few = `${zero.length} of ${EXPECTED_MARKS.length}, named from ${SEEDS_FOR_MARKS} seeds on`;
    const names = this.seeds < SEEDS_FOR_MARKS ? few : zero.join(", ");
    return [
      `faults: ${countsText(view.faultsByKind)}`,
      `marks: ${countsText(view.marks)}`,
      `marks at zero: ${zero.length === 0 ? "none" : names}`,
      this.line(),
    ].join("\n");
  }

  /** `73 times real time` */
  speed(): string {
    const times = this.#simulatedMs / Math.max(1, this.realMs);
    return `${spaced(times < 10 ? Math.round(times * 10) / 10 : Math.round(times))} times real time`;
  }

  line(): string {
    const view = this.view();
    const faults = Object.values(view.faultsByKind).reduce((sum, count) => sum + count, 0);
    const marksSeen = Object.keys(view.marks).length;
    return [
      `${spaced(view.seeds)} seed${view.seeds === 1 ? "" : "s"} from ${view.from} on`,
      `${view.ranTwice} of them run twice`,
      `${durationText(this.#simulatedMs)} simulated in ${durationText(this.realMs)} (${this.speed()})`,
      `${spaced(view.events)} events`,
      `${spaced(view.operations)} operations`,
      `${spaced(faults)} faults of ${counted(Object.keys(view.faultsByKind).length, "kind")}`,
      `${marksSeen} marks, ${view.marksAtZero.length} at zero`,
      `${view.failures} failed`,
    ].join(", ");
  }
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(counts).map(([name, count]) => `${name} ${spaced(count)}`);
  return texts.length === 0 ? "none" : texts.join(", ");
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** 1 234 567 */
function spaced(value: number): string {
  const [whole = "", part] = String(value).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, " ");
  return part === undefined ? grouped : `${grouped}.${part}`;
}
