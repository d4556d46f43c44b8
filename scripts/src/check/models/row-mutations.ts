/**
 * What a list of mutations makes of a row's columns (REST API, section "One row"), written apart from the
 * servers' own code so that the two can disagree.
 */
import { unreachable } from "@stele/shared/assert.ts";
import { parseValue, renderValue } from "@stele/frontend/rest/bytes-json.ts";
import type { Columns, RowMutation } from "../history/row-operation.ts";

export type MutationOutcome =
  | {
      readonly kind: "run";
      readonly columns: Columns;
      /** Setting always changes a row; deleting does if it found something. */
      readonly change: "changed" | "unchanged";
      /** New values of increments and appends. */
      readonly computed: Columns;
    }
  | { readonly kind: "refused"; readonly code: "NOT_A_NUMBER" | "INT64_OVERFLOW" };

const INT64_BYTES = 8;

export function runMutations(before: Columns, mutations: readonly RowMutation[]): MutationOutcome {
  const columns = new Map(before);
  const computed = new Map<string, string>();
  let changes = 0;
  for (const mutation of mutations) {
    switch (mutation.kind) {
      case "set":
        columns.set(mutation.column, mutation.value);
        changes++;
        break;
      case "delete":
        if (columns.delete(mutation.column)) changes++;
        break;
      case "delete-family":
        changes += deleteFamily(columns, mutation.family);
        break;
      case "delete-row":
        changes += columns.size;
        columns.clear();
        break;
      case "increment":
      case "append": {
        const value = computedValue(columns.get(mutation.column) ?? null, mutation);
        if (value === "NOT_A_NUMBER" || value === "INT64_OVERFLOW") {
          return { kind: "refused", code: value };
        }
        columns.set(mutation.column, value);
        computed.set(mutation.column, value);
        changes++;
        break;
      }
      default:
        return unreachable(mutation);
    }
  }
  return { kind: "run", columns, change: changes > 0 ? "changed" : "unchanged", computed };
}

function deleteFamily(columns: Map<string, string>, family: string): number {
  const names = [...columns.keys()].filter((column) => column.startsWith(`${family}:`));
  for (const name of names) columns.delete(name);
  return names.length;
}

function computedValue(
  old: string | null,
  mutation: Extract<RowMutation, { kind: "increment" | "append" }>,
): string {
  const bytes = old === null ? null : valueBytes(old);
  if (mutation.kind === "append") {
    const tail = valueBytes(mutation.value);
    return renderValue(bytes === null ? tail : Buffer.concat([bytes, tail]), false);
  }
  if (bytes !== null && bytes.length !== INT64_BYTES) return "NOT_A_NUMBER";
  const sum = (bytes?.readBigInt64BE() ?? 0n) + BigInt(mutation.amount);
  if (sum !== BigInt.asIntN(64, sum)) return "INT64_OVERFLOW";
  return JSON.stringify({ int64: String(sum) });
}

/** Of the JSON text of a value. */
export function valueBytes(valueText: string): Buffer {
  return parseValue(JSON.parse(valueText), null).value;
}
