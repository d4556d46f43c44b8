/**
 * A client of one front-end that lives in the same process: the typed operations below the REST edge.
 *
 * O1. The patience is measured on the client's clock, the deadline that goes along on the front-end's.
 * O2. A front-end that goes away leaves its calls without an answer; one that is away refuses them, after a
 *     while, so that nobody who tries again at once does so forever at one instant.
 * O3. A scan goes on chunk by chunk, and gives what it has when the next chunk fails or is late. So does a read of many
 *     rows.
 * O4. What is no `DatabaseError` is a fault of the program: it is told, and is an unknown outcome. So is one that says
 *     INTERNAL, of a call or of one row of many: a server met what it does not know.
 */
import type { CallLimits, RowOperations, TableOperations } from "@stele/frontend/operations.ts";
import { assert } from "@stele/shared/assert.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { delay } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { TableId } from "@stele/shared/ids.ts";
import type { RowRange } from "@stele/shared/row-range.ts";
import type { Row } from "@stele/shared/row.ts";
import {
  failedWriteOf,
  readOutcomeOf,
  scannedOutcomeOf,
  writeOutcomeOf,
  writtenOutcomeOf,
} from "../check/history/product-rows.ts";
import type {
  FailedOutcome,
  GetOperation,
  ScannedOutcome,
  ScanOperation,
  WriteOperation,
} from "../check/history/row-operation.ts";
import { keyBytes, projectionOf, rangeOf, rowWriteOf } from "./product-writes.ts";
import type {
  CallPatience,
  GetManyOperation,
  ReadAnswer,
  RowsShown,
  ScanCall,
  StoreClient,
  TableAnswer,
  WriteAnswer,
} from "./store-client.ts";

/** A front-end that runs. */
export interface FrontEndAccess {
  /** Its own. */
  readonly clock: Clock;
  readonly rows: RowOperations;
  readonly tables: TableOperations;
}

export interface OperationsClientParts {
  /** Of the client; runs whatever becomes of the front-end. */
  readonly clock: Clock;
  /** Asked before every call; null: it is down. */
  readonly frontEnd: () => FrontEndAccess | null;
  /** A scan asks for so many rows at once. */
  readonly chunkRows: number;
  readonly unexpected: (error: unknown) => void;
  /** Of tables that it creates; three unless given. */
  readonly replicas?: 1 | 3 | 5;
}

/** Always said: else a table has one replica that is created while few servers are alive. */
const REPLICAS = 3;
const REFUSED_AFTER_MS = 20;
/** The front-end's part of the patience: its own answer is worth more than none. */
const DEADLINE_SHARE = 0.95;
const CHUNK_BYTES = 1024 * 1024;

const DOWN: DatabaseErrorBody = {
  code: "UNAVAILABLE",
  detail: "the front-end is down",
  applied: "no",
};

type ManyReadResult = Awaited<ReturnType<RowOperations["readMany"]>>["results"][number];

type Ended<T> =
  | { readonly kind: "result"; readonly result: T }
  | { readonly kind: "error"; readonly body: DatabaseErrorBody }
  /** Late, or for a reason that says nothing. */
  | { readonly kind: "nothing" };

export class OperationsClient implements StoreClient {
  readonly #parts: OperationsClientParts;

  constructor(parts: OperationsClientParts) {
    this.#parts = parts;
  }

  async get(
    table: string,
    { key, columns }: GetOperation,
    call: CallPatience,
  ): Promise<ReadAnswer> {
    const ended = await this.#call(call, ({ rows }, limits) =>
      rows.read(table, keyBytes(key), projectionOf(columns), limits),
    );
    if (ended.kind === "error") return failedReadOf(ended.body);
    return ended.kind === "nothing" ? null : readOutcomeOf(ended.result.row);
  }

  async getMany(
    table: string,
    { keys, columns }: GetManyOperation,
    call: CallPatience,
  ): Promise<readonly ReadAnswer[]> {
    const asked = keys.map(keyBytes);
    const projection = projectionOf(columns);
    const answers: ReadAnswer[] = [];
    const ended = await this.#call(call, async ({ rows }, limits) => {
      // Of large rows an answer holds fewer than were asked for, but one at least.
      while (answers.length < asked.length && !limits.signal.aborted) {
        const left = asked.slice(answers.length);
        const { results } = await rows.readMany(table, left, projection, limits);
        assert(results.length > 0, "an answer without a row");
        if (!limits.signal.aborted) answers.push(...results.map((each) => this.#readOf(each)));
      }
    });
    const rest = ended.kind === "error" ? failedReadOf(ended.body) : null;
    return keys.map((_, at) => answers[at] ?? rest);
  }

  async write(
    table: string,
    operation: WriteOperation,
    call: CallPatience & { readonly request: string | null },
  ): Promise<WriteAnswer> {
    const write = rowWriteOf(operation, call.request);
    const ended = await this.#call(call, ({ rows }, limits) => rows.write(table, write, limits));
    if (ended.kind === "error") return certainFailureOf(ended.body);
    return ended.kind === "nothing" ? null : writtenOutcomeOf(ended.result.result);
  }

  async writeMany(
    table: string,
    operations: readonly WriteOperation[],
    call: CallPatience,
  ): Promise<readonly WriteAnswer[]> {
    const writes = operations.map((operation) => rowWriteOf(operation, null));
    const ended = await this.#call(call, ({ rows }, limits) =>
      rows.writeMany(table, writes, limits),
    );
    if (ended.kind === "nothing") return operations.map(() => null);
    if (ended.kind === "error") return operations.map(() => certainFailureOf(ended.body));
    return ended.result.outcomes.map((outcome) => {
      if (outcome.kind === "done") return writeOutcomeOf(outcome);
      this.#lookForFault(new DatabaseError(outcome.error));
      return certainFailureOf(outcome.error);
    });
  }

  async scan(
    table: string,
    operation: ScanOperation,
    call: ScanCall,
  ): Promise<ScannedOutcome | FailedOutcome | null> {
    const shows = call.shows ?? "columns";
    const read = new ScanInTheMaking(operation, shows);
    const ended = await this.#call(call, async ({ rows }, limits) => {
      while (read.rest !== null && !limits.signal.aborted) {
        const { rest: range, tableId } = read;
        const { reverse, columns } = operation;
        const projection = projectionOf(columns, shows);
        const size = { limit: this.#parts.chunkRows, byteBudget: CHUNK_BYTES };
        const scan = { range, reverse, ...size, projection, countOnly: false, tableId };
        const chunk = await rows.scan(table, scan, limits);
        // A late chunk belongs to nobody: the scan was answered without it.
        if (!limits.signal.aborted) read.add(chunk);
      }
    });
    if (read.chunks > 0) return read.outcome();
    return ended.kind === "error" ? failedReadOf(ended.body) : null;
  }

  async createTable(
    table: string,
    options: CallPatience & { readonly splitKeys: readonly string[]; readonly request: string },
  ): Promise<TableAnswer> {
    const create = {
      name: table,
      families: { d: { maxVersions: 1 }, e: { maxVersions: 1 } },
      splitKeys: options.splitKeys.map(keyBytes),
      replicas: this.#parts.replicas ?? REPLICAS,
      deletionProtection: false,
      idempotencyKey: options.request,
    };
    return tableAnswerOf(
      await this.#call(options, ({ tables }, limits) => tables.create(create, limits)),
    );
  }

  async dropTable(
    table: string,
    call: CallPatience & { readonly request: string },
  ): Promise<TableAnswer> {
    const { request } = call;
    return tableAnswerOf(
      await this.#call(call, ({ tables }, limits) => tables.drop(table, request, limits)),
    );
  }

  #readOf(result: ManyReadResult): ReadAnswer {
    if (result.kind === "read") return readOutcomeOf(result.row);
    this.#lookForFault(new DatabaseError(result.error));
    return failedReadOf(result.error);
  }

  async #call<T>(
    { patienceMs }: CallPatience,
    run: (access: FrontEndAccess, limits: CallLimits) => Promise<T>,
  ): Promise<Ended<T>> {
    const { clock } = this.#parts;
    const access = this.#parts.frontEnd();
    if (access === null) {
      await delay(clock, Math.min(patienceMs, REFUSED_AFTER_MS));
      return { kind: "error", body: DOWN };
    }
    const patience = new AbortController();
    const deadlineMs = access.clock.monotonicMs() + patienceMs * DEADLINE_SHARE;
    return new Promise((resolve) => {
      const cancel = clock.after(patienceMs, () => {
        patience.abort();
        resolve({ kind: "nothing" });
      });
      const end = (ended: Ended<T>): void => {
        cancel();
        resolve(ended);
      };
      run(access, { deadlineMs, signal: patience.signal }).then(
        (result) => end({ kind: "result", result }),
        (error: unknown) => end(this.#failure(error)),
      );
    });
  }

  #failure(error: unknown): Ended<never> {
    this.#lookForFault(error);
    return error instanceof DatabaseError
      ? { kind: "error", body: error.body }
      : { kind: "nothing" };
  }

  /** O4. */
  #lookForFault(error: unknown): void {
    const isExpected = error instanceof DatabaseError && error.body.code !== "INTERNAL";
    if (!isExpected) this.#parts.unexpected(error);
  }
}

/** The chunks of a scan so far. */
class ScanInTheMaking {
  readonly #operation: ScanOperation;
  readonly #shows: RowsShown;
  readonly #rows: Row[] = [];
  /** What is left; null: nothing. */
  rest: RowRange | null;
  tableId: TableId | null = null;
  chunks = 0;

  constructor(operation: ScanOperation, shows: RowsShown) {
    this.#operation = operation;
    this.#shows = shows;
    this.rest = rangeOf(operation);
  }

  add(chunk: Awaited<ReturnType<RowOperations["scan"]>>): void {
    for (const row of chunk.rows) this.#rows.push(row);
    this.rest = chunk.rest;
    this.tableId = chunk.tableId;
    this.chunks++;
  }

  outcome(): ScannedOutcome {
    const { rest } = this;
    const resume = rest === null ? null : this.#operation.reverse ? rest.end : rest.start;
    const outcome = scannedOutcomeOf(this.#rows, resume);
    if (this.#shows === "columns") return outcome;
    // Cells that nobody asked for stay, to be judged.
    const rows = outcome.rows.map((row) => (row.columns?.size === 0 ? withoutColumns(row) : row));
    return { ...outcome, rows };
  }
}

function withoutColumns(row: ScannedOutcome["rows"][number]): ScannedOutcome["rows"][number] {
  return { ...row, columns: null };
}

function failedReadOf({ code }: DatabaseErrorBody): FailedOutcome {
  return { kind: "failed", code, version: null };
}

function certainFailureOf(error: DatabaseErrorBody): FailedOutcome | null {
  return error.applied === "no" ? failedWriteOf(error) : null;
}

/** A table call that a master judged says nothing of `applied`; one that none answered does. */
function tableAnswerOf(ended: Ended<unknown>): TableAnswer {
  if (ended.kind === "result") return { kind: "done" };
  if (ended.kind === "nothing") return { kind: "unknown" };
  const { code, applied } = ended.body;
  const isJudged = applied === undefined && !isPassing(code);
  return applied === "no" || isJudged ? { kind: "failed", code } : { kind: "unknown" };
}

/** The work may go on. */
function isPassing(code: DatabaseErrorBody["code"]): boolean {
  return code === "DEADLINE" || code === "UNAVAILABLE" || code === "INTERNAL";
}
