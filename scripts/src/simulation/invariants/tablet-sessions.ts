/**
 * A tablet as its clients see it, over all front-ends: nobody is served in an older state than was known when the call
 * began. This finds a deposed leader that answers, whichever row it is asked for, and whoever wrote others meanwhile.
 *
 * T1. The state that an answer tells of (`ServedBy.session`: the highest version applied in the tablet) is that of a
 *     moment after the call began. So no answer that had been given by then tells of a newer one.
 * T2. Calls on many rows tell of no tablet, and pass unwatched.
 */
import type { RowOperations, ServedBy } from "@stele/frontend/operations.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Report } from "./report.ts";

/** An answer that told of a newer state than any before. */
interface Step {
  readonly session: Version;
  /** So many calls had begun when it was given. */
  readonly begun: number;
}

export class TabletSessions {
  readonly #report: Report;
  /** By tablet, in the order in which they were given. */
  readonly #steps = new Map<number, Step[]>();
  #begun = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** The operations of a front-end, watched. */
  watch(rows: RowOperations): RowOperations {
    return {
      read: (...call) => this.#watched(rows.read(...call)),
      write: (...call) => this.#watched(rows.write(...call)),
      readMany: (...call) => rows.readMany(...call),
      writeMany: (...call) => rows.writeMany(...call),
      scan: (...call) => rows.scan(...call),
    };
  }

  async #watched<T extends { readonly servedBy: ServedBy }>(answer: Promise<T>): Promise<T> {
    const call = ++this.#begun;
    const given = await answer;
    this.#answered(call, given.servedBy);
    return given;
  }

  /** T1. */
  #answered(call: number, { server, session, tablet }: ServedBy): void {
    let steps = this.#steps.get(tablet);
    if (steps === undefined) this.#steps.set(tablet, (steps = []));
    const known = steps.findLast(({ begun }) => begun < call);
    if (known !== undefined && session < known.session) {
      this.#report(
        `tablet ${tablet}: ${server} answers a call in the state of version ${session}, ` +
          `and another had been answered in that of ${known.session} when it began`,
      );
    }
    const newest = steps.at(-1);
    if (newest === undefined || session > newest.session) {
      steps.push({ session, begun: this.#begun });
    }
  }
}
