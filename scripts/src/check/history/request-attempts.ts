/**
 * Makes one operation of all attempts of one request on a row (exactly-once writes).
 *
 * A1. Attempts that were answered "done" or not at all are together one operation: called with the first,
 *     returned with the first answer. Two different answers, or two operations done under one request,
 *     contradict each other.
 * A2. An attempt that was refused saw the row itself, so it is an operation of its own; a request that has
 *     taken effect is never refused, so it is not placed behind the effect.
 * A3. Only what changes a row is remembered by the servers. A delete that found nothing may be evaluated
 *     again by any other attempt, however late, so those stay as operations of unknown effect.
 */
import { lineNumbers } from "../line-numbers.ts";
import { sameColumns } from "./row-operation.ts";
import type {
  NumberedOperation,
  RowOperation,
  WriteOperation,
  WrittenOutcome,
} from "./row-operation.ts";

export interface MergedAttempts {
  readonly operations: readonly NumberedOperation[];
  /** Pairs of indices: the first never takes effect behind the second. */
  readonly order: readonly (readonly [number, number])[];
  readonly contradictions: readonly string[];
}

export function mergeAttempts(recorded: readonly NumberedOperation[]): MergedAttempts {
  const single = recorded.filter(({ request }) => request === null);
  const attempts = recorded.filter(({ request }) => request !== null);
  const operations: NumberedOperation[] = [...single];
  const order: [number, number][] = [];
  const contradictions: string[] = [];
  for (const [request, group] of Map.groupBy(attempts, (attempt) => attempt.request)) {
    const refused = group.filter(isRefused);
    const first = operations.length;
    operations.push(...refused);
    const done = group.filter((attempt) => !isRefused(attempt));
    if (done.length === 0) continue;
    const merged = mergeDone(done);
    const effect = operations.length;
    operations.push(...merged.operations);
    for (let at = first; at < effect; at++) order.push([at, effect]);
    if (merged.contradiction !== null) {
      const where = lineNumbers(done.flatMap(({ lines }) => lines));
      contradictions.push(`request ${request} (${where}) ${merged.contradiction}`);
    }
  }
  return { operations, order, contradictions };
}

/** It saw the row and did nothing. */
function isRefused({ outcome }: NumberedOperation): boolean {
  const output = outcome?.output;
  return output?.kind === "failed" || (output?.kind === "written" && !output.matched);
}

/** The first of `operations` is the effect. */
function mergeDone(attempts: readonly NumberedOperation[]): {
  readonly operations: readonly NumberedOperation[];
  readonly contradiction: string | null;
} {
  const call = Math.min(...attempts.map((attempt) => attempt.call));
  const answered = attempts
    .filter(({ outcome }) => outcome !== null)
    .toSorted((a, b) => returnOf(a) - returnOf(b));
  const told = (answered[0] ?? attempts[0]) as NumberedOperation;
  const others = attempts.filter((attempt) => attempt !== told);
  const lines = attempts.flatMap((attempt) => attempt.lines);
  const first = { ...told, call, lines };
  if (attempts.some(({ operation }) => !isSame(operation, first.operation))) {
    return { operations: [first], contradiction: "was accepted for two different operations" };
  }
  if (onlyDeletes(first.operation as WriteOperation)) {
    const open = others.map((attempt) => ({ ...attempt, outcome: null }));
    return { operations: [{ ...first, lines: told.lines }, ...open], contradiction: null };
  }
  const agrees = answered.every((attempt) => agree(writtenBy(first), writtenBy(attempt)));
  return { operations: [first], contradiction: agrees ? null : "was answered differently twice" };
}

function isSame(a: RowOperation, b: RowOperation): boolean {
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

function writtenBy({ outcome }: NumberedOperation): WrittenOutcome {
  return outcome?.output as WrittenOutcome;
}

function returnOf({ outcome }: NumberedOperation): number {
  return outcome?.at ?? Infinity;
}
