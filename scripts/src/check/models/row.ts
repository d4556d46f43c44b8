/**
 * One row of Stele: reads, conditional writes, atomic lists of mutations, each write with a version above
 * all before it.
 *
 * R1. A version that nobody was told (the write's outcome is unknown) is known by a lower bound until
 *     somebody sees it. Each changing write raises the bound by one at least.
 * R2. Versions grow over delete and re-create too. A delete is not assumed to use one up.
 * R3. A write that changes nothing leaves the version as it is.
 * R4. Of the attempts of a request that only deletes, the first that changes the row is the request's
 *     effect. Those behind it change nothing, are never refused, and are answered as it was.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { sameColumns } from "../history/row-operation.ts";
import { partitionRows } from "../history/row-partitions.ts";
import type {
  AttemptOperation,
  Columns,
  Expected,
  FailedOutcome,
  GetOperation,
  RecordedOperation,
  RowOutcome,
  WriteOperation,
  WrittenOutcome,
} from "../history/row-operation.ts";
import type { Model } from "../model.ts";
import { hasEffect, isEffect, NO_EFFECTS, withEffect } from "./request-effects.ts";
import type { Left, RequestEffects } from "./request-effects.ts";
import { describeColumns, describeRowOperation } from "./row-description.ts";
import { runMutations, valueBytes } from "./row-mutations.ts";

export type RowInput = GetOperation | WriteOperation | AttemptOperation;

export interface RowState {
  /** None: there is no row. */
  readonly columns: Columns;
  /** Of the row; without one, of the last row that was here; 0 at first. */
  readonly version: number;
  /** Without a row always "exact": the next version is above. */
  readonly precision: "exact" | "at-least";
  /** R4. */
  readonly effects: RequestEffects;
}

const NO_ROW: RowState = {
  columns: new Map(),
  version: 0,
  precision: "exact",
  effects: NO_EFFECTS,
};

export const rowModel: Model<RowState, RowInput, RowOutcome, RecordedOperation> = {
  initial: () => NO_ROW,
  step,
  isObservation: (_input, output) =>
    output.kind === "read" ||
    output.kind === "failed" ||
    (output.kind === "written" && !output.matched),
  isImplied: ({ kind }) => kind === "attempt",
  stateKey,
  partition: partitionRows,
  describeState: (state) =>
    state.columns.size === 0 ? "no row" : `${versionText(state)} ${describeColumns(state.columns)}`,
  describeOperation: (input, output) =>
    describeRowOperation(input.kind === "attempt" ? input.write : input, output),
};

function stateKey({ columns, version, precision, effects }: RowState): string {
  const cells = [...columns].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${version} ${precision} ${JSON.stringify(cells)}${effects}`;
}

function versionText({ version, precision }: RowState): string {
  return precision === "exact" ? `version ${version}` : `some version from ${version} on`;
}

function step(state: RowState, input: RowInput, output: RowOutcome | null): RowState | null {
  switch (input.kind) {
    case "get":
      return stepGet(state, input, output);
    case "write":
      return stepWrite(state, input, output);
    case "attempt":
      return stepAttempt(state, input, output);
    default:
      return unreachable(input);
  }
}

function stepGet(state: RowState, input: GetOperation, output: RowOutcome | null): RowState | null {
  if (output?.kind !== "read") return null;
  const seen = seenAt(state, output.row?.version ?? null);
  if (seen === null || output.row === null) return seen;
  return sameColumns(projected(state.columns, input.columns), output.row.columns) ? seen : null;
}

function stepWrite(
  state: RowState,
  input: WriteOperation,
  output: RowOutcome | null,
): RowState | null {
  if (output?.kind === "failed") return stepRefused(state, input, output);
  if (output !== null && output.kind !== "written") return null;
  const before = meeting(state, input.expected);
  if (before === null) return null;
  const matched = passes(before, input);
  if (output !== null && output.matched !== matched) return null;
  if (!matched) return unchanged(before, output);
  const run = runMutations(before.columns, input.mutations);
  if (run.kind === "refused") return null;
  if (run.change === "unchanged") return unchanged(before, output);
  if (output !== null && output.computed !== null && !sameColumns(run.computed, output.computed)) {
    return null;
  }
  return changed(before, run.columns, output);
}

/** R4. */
function stepAttempt(
  state: RowState,
  attempt: AttemptOperation,
  output: RowOutcome | null,
): RowState | null {
  const { effect, write } = attempt;
  const { effects } = state;
  if (hasEffect(effects, attempt)) {
    if (output?.kind !== "written" || !output.matched) return null;
    return isEffect(effects, attempt, leftBy(output.version)) ? state : null;
  }
  const after = stepWrite(state, write, output ?? supposed(effect));
  if (after === null) return null;
  // It only deletes: if it changes the row, columns are gone.
  if (after.columns.size === state.columns.size) return output === null ? null : after;
  const version = output?.kind === "written" ? output.version : effect;
  const left = after.columns.size === 0 ? "no-row" : { version };
  return { ...after, effects: withEffect(effects, attempt, left) };
}

function leftBy(version: number | null): Left {
  return version === null ? "no-row" : { version };
}

function supposed(version: number | null): WrittenOutcome | null {
  return version === null ? null : { kind: "written", version, matched: true, computed: null };
}

/** The row could be in a state that refuses the write with this answer. */
function stepRefused(
  state: RowState,
  input: WriteOperation,
  { code, version }: FailedOutcome,
): RowState | null {
  if (code === "VERSION_MISMATCH" || code === "ROW_EXISTS") {
    const seen = seenAt(state, version);
    return seen !== null && meeting(seen, input.expected) === null ? seen : null;
  }
  const before = meeting(state, input.expected);
  if (before === null || !passes(before, input)) return null;
  const run = runMutations(before.columns, input.mutations);
  return run.kind === "refused" && run.code === code ? before : null;
}

/** Without an outcome there is nothing to place (M2 of the model). */
function unchanged(before: RowState, output: WrittenOutcome | null): RowState | null {
  return output === null ? null : seenAt(before, output.version);
}

function changed(
  before: RowState,
  columns: Columns,
  output: WrittenOutcome | null,
): RowState | null {
  if (columns.size === 0) {
    if (output !== null && output.version !== null) return null;
    return { ...before, columns, precision: "exact" };
  }
  if (output === null) {
    return { ...before, columns, version: before.version + 1, precision: "at-least" };
  }
  const { version } = output;
  if (version === null || version <= before.version) return null;
  return { ...before, columns, version, precision: "exact" };
}

/** The state, now that somebody saw its version; null: it cannot be that. */
function seenAt(state: RowState, version: number | null): RowState | null {
  if (version === null || state.columns.size === 0) {
    return version === null && state.columns.size === 0 ? state : null;
  }
  if (state.precision === "exact") return version === state.version ? state : null;
  return version >= state.version ? { ...state, version, precision: "exact" } : null;
}

function meeting(state: RowState, expected: Expected): RowState | null {
  switch (expected.kind) {
    case "anything":
      return state;
    case "no-row":
      return seenAt(state, null);
    case "version":
      return seenAt(state, expected.version);
    default:
      return unreachable(expected);
  }
}

/** A test compares bytes: whether a cell is marked as a number does not matter. */
function passes({ columns }: RowState, { test }: WriteOperation): boolean {
  if (test === null) return true;
  const value = columns.get(test.column) ?? null;
  if (value === null || test.equals === null) return value === test.equals;
  return value === test.equals || valueBytes(value).equals(valueBytes(test.equals));
}

function projected(columns: Columns, names: readonly string[] | null): Columns {
  if (names === null) return columns;
  const isNamed = (column: string): boolean =>
    names.includes(column) || names.includes(column.slice(0, column.indexOf(":")));
  return new Map([...columns].filter(([column]) => isNamed(column)));
}
