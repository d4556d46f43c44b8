// One-line descriptions of operations on rows, for people.
import { unreachable } from "@stele/shared/assert.ts";
import { replacementOf } from "../history/row-operation.ts";
import type {
  Columns,
  Expected,
  GetOperation,
  RowMutation,
  RowOutcome,
  WriteOperation,
} from "../history/row-operation.ts";

const VALUE_LENGTH_MAX = 40;

export function describeRowOperation(
  input: GetOperation | WriteOperation,
  output: RowOutcome | null,
): string {
  return `${input.kind === "get" ? describeGet(input) : describeWrite(input)} -> ${
    output === null ? "unknown" : describeOutcome(output)
  }`;
}

export function describeColumns(columns: Columns): string {
  const parts = [...columns].map(([name, value]) => `${name}=${shortened(value)}`);
  return `{${parts.join(" ")}}`;
}

function describeGet({ columns }: GetOperation): string {
  return columns === null ? "get" : `get ${columns.join(",")}`;
}

function describeWrite(write: WriteOperation): string {
  const { expected, test, mutations } = write;
  const cells = replacementOf(write);
  const isPut = cells !== null && cells.size > 0;
  const list = isPut ? `put ${describeColumns(cells)}` : mutations.map(describeMutation).join(", ");
  const condition = test === null ? "" : ` if ${test.column} is ${test.equals ?? "absent"}`;
  return `${list}${describeExpected(expected)}${condition}`;
}

function describeExpected(expected: Expected): string {
  switch (expected.kind) {
    case "anything":
      return "";
    case "no-row":
      return " if there is no row";
    case "version":
      return ` if version ${expected.version}`;
    default:
      return unreachable(expected);
  }
}

function describeMutation(mutation: RowMutation): string {
  switch (mutation.kind) {
    case "set":
      return `set ${mutation.column}=${shortened(mutation.value)}`;
    case "delete":
      return `delete ${mutation.column}`;
    case "delete-family":
      return `delete ${mutation.family}`;
    case "delete-row":
      return "delete row";
    case "increment":
      return `increment ${mutation.column} by ${mutation.amount}`;
    case "append":
      return `append ${mutation.column}+=${shortened(mutation.value)}`;
    default:
      return unreachable(mutation);
  }
}

function describeOutcome(outcome: RowOutcome): string {
  switch (outcome.kind) {
    case "read":
      if (outcome.row === null) return "no row";
      return `version ${outcome.row.version} ${describeColumns(outcome.row.columns)}`;
    case "written": {
      if (!outcome.matched) return "not matched";
      const { version, computed } = outcome;
      const values =
        computed === null || computed.size === 0 ? "" : ` ${describeColumns(computed)}`;
      return version === null ? "no row is left" : `version ${version}${values}`;
    }
    case "scanned":
      return `${outcome.rows.length} rows`;
    case "failed":
      return `${outcome.code}, row is ${outcome.version === null ? "absent" : outcome.version}`;
    default:
      return unreachable(outcome);
  }
}

function shortened(value: string): string {
  return value.length <= VALUE_LENGTH_MAX ? value : `${value.slice(0, VALUE_LENGTH_MAX)}...`;
}
