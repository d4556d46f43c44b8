/**
 * Writes under an Idempotency-Key: sent again, by whoever comes, until their outcome is known, sometimes while an
 * attempt is under way, sometimes when all is known already.
 *
 * K1. The attempts of one request are one open write of their row, until one of them is answered.
 * K2. A request that was refused is not sent again: it counts as unknown if an attempt of it is.
 */
import type { Random } from "@stele/shared/random.ts";
import type { WriteOperation } from "../check/history/row-operation.ts";
import type { Closing } from "./closing.ts";
import type { HotRow, HotRows } from "./hot-rows.ts";
import { isRefusal } from "./recorded-table.ts";
import type { RecordedTable } from "./recorded-table.ts";
import type { WriteAnswer } from "./store-client.ts";
import type { Caller, Mark } from "./workload.ts";

interface Request {
  readonly id: string;
  readonly row: HotRow;
  readonly operation: WriteOperation;
  underWay: number;
  isUncertain: boolean;
  isRefused: boolean;
  state: "open" | "written" | "closed";
}

/** Of one row: how often a request under a key surely took effect, and how many may have. */
export interface Tally {
  written: number;
  open: number;
}

export interface KeyedWritesParts {
  readonly table: RecordedTable;
  readonly rows: HotRows;
  readonly random: Random;
  readonly mark: Mark;
}

/** Of so many requests, one is sent twice at once. */
const HEDGED_ONE_IN = 6;
/** So many that were written may be replayed, the last ones. */
const REPLAYABLE = 8;

export class KeyedWrites {
  readonly #parts: KeyedWritesParts;
  readonly #open: Request[] = [];
  readonly #written: Request[] = [];
  readonly #tallies = new Map<string, Tally>();
  #requests = 0;

  constructor(parts: KeyedWritesParts) {
    this.#parts = parts;
  }

  tallyOf(key: string): Tally {
    let tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, (tally = { written: 0, open: 0 }));
    return tally;
  }

  /** A new request. The row was taken for one write. */
  async send(caller: Caller, row: HotRow, operation: WriteOperation): Promise<WriteAnswer> {
    this.tallyOf(row.key).open++;
    const request: Request = {
      id: `q${this.#requests++}`,
      row,
      operation,
      underWay: 0,
      isUncertain: false,
      isRefused: false,
      state: "open",
    };
    this.#open.push(request);
    const { random, mark } = this.#parts;
    const attempts = [this.#attempt(caller, request)];
    if (random.below(HEDGED_ONE_IN) === 0) {
      mark("request hedged");
      attempts.push(this.#attempt(caller, request));
    }
    const [first = null] = await Promise.all(attempts);
    return first;
  }

  /** Sends one again; false: there is none. */
  async again(caller: Caller): Promise<boolean> {
    const { random, mark } = this.#parts;
    const open = this.#open.filter(({ isRefused }) => !isRefused);
    const candidates = open.length > 0 && random.below(8) > 0 ? open : this.#written;
    const request = candidates[random.below(Math.max(1, candidates.length))];
    if (request === undefined) return false;
    if (request.state === "written") mark("key replayed");
    else mark(request.underWay > 0 ? "request hedged" : "retried under the same key");
    await this.#attempt(caller, request);
    return true;
  }

  async finish(closing: Closing): Promise<void> {
    for (const request of this.#open.filter(({ isRefused }) => !isRefused)) {
      const what = `request ${request.id} on ${JSON.stringify(request.row.key)}`;
      await closing.until(what, async (caller) => {
        await this.#attempt(caller, request);
        return request.state === "open" ? null : request;
      });
    }
  }

  async #attempt(caller: Caller, request: Request): Promise<WriteAnswer> {
    request.underWay++;
    const answer = await this.#parts.table.write(caller, request.operation, request.id);
    request.underWay--;
    if (request.state === "open") this.#note(request, answer);
    return answer;
  }

  #note(request: Request, answer: WriteAnswer): void {
    const { mark } = this.#parts;
    if (answer?.kind === "written" && answer.matched) {
      if (request.isUncertain) mark("unknown write resolved by a retry");
      this.#close(request, "written");
      return;
    }
    if (answer === null) request.isUncertain = true;
    if (isRefusal(answer)) request.isRefused = true;
    if (request.isRefused && request.underWay === 0) this.#close(request, "closed");
  }

  #close(request: Request, state: "written" | "closed"): void {
    const { rows } = this.#parts;
    request.state = state;
    this.#open.splice(this.#open.indexOf(request), 1);
    const tally = this.tallyOf(request.row.key);
    const isUnknown = state === "closed" && request.isUncertain;
    if (!isUnknown) tally.open--;
    rows.settle(request.row, { writes: 1, unknown: isUnknown ? 1 : 0 });
    if (state !== "written") return;
    tally.written++;
    this.#written.push(request);
    if (this.#written.length > REPLAYABLE) this.#written.shift();
  }
}
