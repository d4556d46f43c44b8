/** A table and all that its clients called and were told: one history. */
import type { Clock } from "@stele/shared/clock.ts";
import type { Random } from "@stele/shared/random.ts";
import { HistoryRecorder } from "../check/history/history-recorder.ts";
import type { OpenCall, RecordedCall } from "../check/history/history-recorder.ts";
import type {
  FailedOutcome,
  GetOperation,
  RecordedOperation,
  RowOutcome,
  ScannedOutcome,
  ScanOperation,
  WriteOperation,
} from "../check/history/row-operation.ts";
import {
  readSpelledShort,
  scanSpelledShort,
  spelledOut,
  writeSpelledShort,
} from "./large-values.ts";
import { Patience } from "./patience.ts";
import type { GetManyOperation, ReadAnswer, RowsShown, WriteAnswer } from "./store-client.ts";
import type { Caller, Mark, WorkloadProblem } from "./workload.ts";

export interface RecordedTableParts {
  readonly name: string;
  /** In order. */
  readonly splitKeys: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly patienceMs: number;
  readonly mark: Mark;
}

/** Refusals by the state of the row. */
const REFUSALS: ReadonlySet<string> = new Set([
  "VERSION_MISMATCH",
  "ROW_EXISTS",
  "NOT_A_NUMBER",
  "INT64_OVERFLOW",
  "IDEMPOTENCY_MISMATCH",
]);

/**
 * What a table that exists, and clients that ask for nothing wrong, must never bring about. A write that may have taken
 * effect is in the history without its code: of those the clients themselves tell (`StoreClient`, K3).
 */
const WRONG_CODES: ReadonlyMap<string, WorkloadProblem["checker"]> = new Map([
  ["TABLE_NOT_FOUND", "table contents"],
  ["FAMILY_NOT_FOUND", "table contents"],
  ["INVALID_REQUEST", "table contents"],
  ["INVALID_KEY", "table contents"],
  ["INVALID_CONDITION", "table contents"],
  ["IDEMPOTENCY_MISMATCH", "exactly once"],
  ["INTERNAL", "process failed"],
]);

export class RecordedTable {
  readonly name: string;
  readonly splitKeys: readonly string[];
  /** In the order in which the operations ended. */
  readonly history: RecordedOperation[] = [];
  /** Answers that say by themselves that something is wrong. */
  readonly problems: WorkloadProblem[] = [];
  readonly #recorder: HistoryRecorder;
  readonly #patience: Patience;
  readonly #mark: Mark;
  #batches = 0;

  constructor({ name, splitKeys, clock, random, patienceMs, mark }: RecordedTableParts) {
    this.name = name;
    this.splitKeys = splitKeys;
    this.#patience = new Patience(random, patienceMs);
    this.#mark = mark;
    this.#recorder = new HistoryRecorder({
      nowMs: () => clock.monotonicMs(),
      record: (operation) => {
        this.history.push(operation);
        this.#lookForWrongCode(operation);
      },
    });
  }

  async get({ client, name }: Caller, operation: GetOperation): Promise<ReadAnswer> {
    const open = this.#recorder.begin({ client: name, operation });
    const answer = readSpelledShort(await client.get(this.name, operation, this.#patience.call()));
    end(open, answer);
    this.#markRead(answer);
    return answer;
  }

  /** In the history each is a read of its own, for as long as the call took. */
  async getMany(
    { client, name }: Caller,
    { keys, columns }: GetManyOperation,
  ): Promise<readonly ReadAnswer[]> {
    const open = keys.map((key) =>
      this.#recorder.begin({ client: name, operation: { kind: "get", key, columns } }),
    );
    const given = await client.getMany(this.name, { keys, columns }, this.#patience.call());
    const answers = open.map((_, at) => readSpelledShort(given[at] ?? null));
    open.forEach((each, at) => {
      const answer = answers[at] ?? null;
      end(each, answer);
      this.#markRead(answer);
    });
    const read = new Set(keys.filter((_, at) => answers[at]?.kind === "read"));
    if (read.size > 1) this.#mark("rows read together");
    const tablets = new Set([...read].map((key) => this.tabletOf(key)));
    if (tablets.size > 1) this.#mark("rows read across a tablet bound");
    return answers;
  }

  /** @param request the Idempotency-Key; null: none */
  async write(
    { client, name }: Caller,
    operation: WriteOperation,
    request: string | null,
  ): Promise<WriteAnswer> {
    const call: RecordedCall = { client: name, operation, request: request ?? undefined };
    const open = this.#recorder.begin(call);
    const answer = writeSpelledShort(
      await client.write(this.name, spelledOut(operation), { ...this.#patience.call(), request }),
    );
    end(open, answer);
    this.#markWrite(answer);
    return answer;
  }

  async writeMany(
    { client, name }: Caller,
    operations: readonly WriteOperation[],
  ): Promise<readonly WriteAnswer[]> {
    const id = `${this.name} ${this.#batches++}`;
    const open = operations.map((operation, index) =>
      this.#recorder.begin({ client: name, operation, batch: { id, index } }),
    );
    const spelled = operations.map(spelledOut);
    const given = await client.writeMany(this.name, spelled, this.#patience.call());
    const answers = given.map(writeSpelledShort);
    open.forEach((each, at) => {
      const answer = answers[at] ?? null;
      end(each, answer);
      this.#markWrite(answer);
    });
    const unknown = answers.filter((answer) => answer === null).length;
    if (unknown > 0 && unknown < operations.length) this.#mark("batch partly unknown");
    return answers;
  }

  async scan(
    { client, name }: Caller,
    operation: ScanOperation,
    shows: RowsShown = "columns",
  ): Promise<ScannedOutcome | FailedOutcome | null> {
    const open = this.#recorder.begin({ client: name, operation });
    const call = { ...this.#patience.call(), shows };
    const answer = scanSpelledShort(await client.scan(this.name, operation, call));
    end(open, answer);
    if (answer?.kind !== "scanned") this.#mark("read unanswered");
    else this.#markScan(operation, answer);
    if (answer?.kind === "scanned" && shows === "keys") this.#mark("scan of keys alone");
    return answer;
  }

  /** What has not ended stays unknown. */
  finish(): void {
    this.#recorder.finish();
  }

  /** The place of the tablet that a key was first in. */
  tabletOf(key: string): number {
    return this.splitKeys.filter((bound) => bound <= key).length;
  }

  #lookForWrongCode({ client, operation, outcome }: RecordedOperation): void {
    if (outcome?.output.kind !== "failed") return;
    const { code } = outcome.output;
    const checker = WRONG_CODES.get(code);
    if (checker === undefined) return;
    const detail = `${client} was answered ${code} by ${this.name}: ${JSON.stringify(operation)}`;
    this.problems.push({ checker, detail });
  }

  #markRead(answer: ReadAnswer): void {
    this.#mark(answer?.kind === "read" ? "read answered" : "read unanswered");
  }

  #markWrite(answer: WriteAnswer): void {
    if (answer === null) this.#mark("write unknown");
    else if (answer.kind === "written") this.#mark("write acknowledged");
    else if (REFUSALS.has(answer.code)) this.#mark("write refused");
    else this.#mark("write failed for certain");
    if (answer?.kind === "failed" && answer.code === "THROTTLED") this.#mark("write throttled");
  }

  #markScan({ reverse, start, end: until }: ScanOperation, { resume }: ScannedOutcome): void {
    this.#mark(resume === null ? "scan finished" : "scan cut short");
    if (reverse) this.#mark("scan in reverse");
    const from = reverse ? (resume ?? start) : start;
    const to = reverse ? until : (resume ?? until);
    const isWithin = (bound: string): boolean =>
      (from === null || from < bound) && (to === null || bound < to);
    if (this.splitKeys.some(isWithin)) this.#mark("scan crossed a tablet bound");
  }
}

/** It was refused by the state of the row: nothing else can become of this attempt. */
export function isRefusal(answer: WriteAnswer): boolean {
  if (answer?.kind === "written") return !answer.matched;
  return answer !== null && REFUSALS.has(answer.code);
}

function end(open: OpenCall, answer: RowOutcome | null): void {
  if (answer === null) open.unknown();
  else open.returned(answer);
}
