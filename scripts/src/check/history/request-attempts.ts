/**
 * Makes operations for the search of the attempts of each request on a row (exactly-once writes).
 *
 * A1. Attempts that were answered "done" or not at all are together one operation: called with the first,
 *     returned with the first answer. Two different answers, or two operations done under one request,
 *     contradict each other.
 * A2. An attempt that was refused saw the row itself, so it is an operation of its own; a request that has
 *     taken effect is never refused, so it is not placed behind the effect.
 * A3. Only what changes a row is remembered by the servers. A request that only deletes may have found
 *     nothing, and be evaluated again by any other attempt, however late. Its attempts stay operations of
 *     their own, refused ones too, of which one at most changes the row (models/row.ts, R4).
 * A4. Those of them without an answer matter by their effect alone, so they are one operation, called with
 *     the first. The version that the effect gave may be told in the answer to a later attempt: there is
 *     one such operation for each version it may have been, and one for a version that nobody was told.
 */
import { assert } from "@stele/shared/assert.ts";
import { lineNumbers } from "../line-numbers.ts";
import { sameColumns } from "./row-operation.ts";
import type {
  AttemptOperation,
  GetOperation,
  NumberedOperation,
  RowOperation,
  WriteOperation,
  WrittenOutcome,
} from "./row-operation.ts";

export interface MergedOperation extends Omit<NumberedOperation, "operation"> {
  readonly operation: GetOperation | WriteOperation | AttemptOperation;
}

export interface MergedAttempts {
  readonly operations: readonly MergedOperation[];
  /** Pairs of indices: the first never takes effect behind the second. */
  readonly order: readonly (readonly [number, number])[];
  readonly contradictions: readonly string[];
}

export function mergeAttempts(recorded: readonly NumberedOperation[]): MergedAttempts {
  const single = recorded.filter(({ request }) => request === null);
  const attempts = recorded.filter(({ request }) => request !== null);
  const operations: MergedOperation[] = [...single];
  const order: [number, number][] = [];
  const contradictions: string[] = [];
  let evaluatedAgain = 0;
  for (const [request, group] of Map.groupBy(attempts, (attempt) => attempt.request)) {
    const refused = group.filter(isRefused);
    const done = group.filter((attempt) => !isRefused(attempt));
    const isOne = done.every(({ operation }) => isSame(operation, done[0]?.operation));
    if (isOne && mayFindNothing(group)) {
      operations.push(...deletingAttempts(group, evaluatedAgain++));
      continue;
    }
    const first = operations.length;
    operations.push(...refused);
    if (done.length === 0) continue;
    const effect = operations.length;
    operations.push(mergeDone(done));
    for (let at = first; at < effect; at++) order.push([at, effect]);
    const contradiction = isOne
      ? contradictionOf(done)
      : "was accepted for two different operations";
    if (contradiction !== null) {
      const where = lineNumbers(done.flatMap(({ lines }) => lines));
      contradictions.push(`request ${request} (${where}) ${contradiction}`);
    }
  }
  return { operations, order, contradictions };
}

/** A3. Where nothing was done as far as anybody was told, one operation is all that can take effect. */
function mayFindNothing(group: readonly NumberedOperation[]): boolean {
  const answered = group.find((attempt) => attempt.outcome !== null && !isRefused(attempt));
  return group.length > 1 && answered !== undefined && onlyDeletes(writeOf(answered));
}

/** A3 and A4. */
function deletingAttempts(group: readonly NumberedOperation[], request: number): MergedOperation[] {
  const told = group.flatMap(({ outcome }) =>
    outcome?.output.kind === "written" ? [outcome.output.version] : [],
  );
  const versions = [...new Set(told)].filter((version) => version !== null);
  const attempt = (recorded: NumberedOperation, effect: number | null): MergedOperation => {
    const write = writeOf(recorded);
    return { ...recorded, operation: { kind: "attempt", request, write, versions, effect } };
  };
  const answered = group.filter(({ outcome }) => outcome !== null);
  const open = group.filter(({ outcome }) => outcome === null);
  const operations = answered.map((recorded) => attempt(recorded, null));
  if (open.length === 0) return operations;
  const lost = mergeDone(open);
  return [...operations, ...[...versions, null].map((effect) => attempt(lost, effect))];
}

/** It saw the row and did nothing. */
function isRefused({ outcome }: NumberedOperation): boolean {
  const output = outcome?.output;
  return output?.kind === "failed" || (output?.kind === "written" && !output.matched);
}

/** A1. */
function mergeDone(attempts: readonly NumberedOperation[]): NumberedOperation {
  const call = Math.min(...attempts.map((attempt) => attempt.call));
  const first = inOrderOfAnswers(attempts)[0] as NumberedOperation;
  return { ...first, call, lines: attempts.flatMap(({ lines }) => lines) };
}

/** A1. */
function contradictionOf(attempts: readonly NumberedOperation[]): string | null {
  const answered = inOrderOfAnswers(attempts).filter(({ outcome }) => outcome !== null);
  const [first] = answered;
  const agrees =
    first === undefined || answered.every((attempt) => agree(writtenBy(first), writtenBy(attempt)));
  return agrees ? null : "was answered differently twice";
}

/** Those without an answer come last. */
function inOrderOfAnswers(attempts: readonly NumberedOperation[]): NumberedOperation[] {
  return attempts.toSorted((a, b) => compare(returnOf(a), returnOf(b)));
}

function isSame(a: RowOperation, b: RowOperation | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function onlyDeletes({ mutations }: WriteOperation): boolean {
  return mutations.every(({ kind }) => kind.startsWith("delete"));
}

function agree(a: WrittenOutcome, b: WrittenOutcome): boolean {
  if (a.version !== b.version) return false;
  if (a.computed === null || b.computed === null) return true;
  return sameColumns(a.computed, b.computed);
}

/** Only writes have requests. */
function writeOf({ operation }: NumberedOperation): WriteOperation {
  assert(operation.kind === "write", "an attempt is a write");
  return operation;
}

function writtenBy({ outcome }: NumberedOperation): WrittenOutcome {
  return outcome?.output as WrittenOutcome;
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function returnOf({ outcome }: NumberedOperation): number {
  return outcome?.at ?? Infinity;
}
