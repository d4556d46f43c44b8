/** Writes one operation as a line of a history, without its newline; the inverse of `parseHistoryLine`. */
import { unreachable } from "@stele/shared/assert.ts";
import { renderBytes } from "@stele/frontend/rest/bytes-json.ts";
import { replacementOf } from "./row-operation.ts";
import type {
  Columns,
  Expected,
  RecordedOperation,
  RowMutation,
  RowOperation,
  RowOutcome,
  WriteOperation,
} from "./row-operation.ts";

export function renderHistoryLine(recorded: RecordedOperation): string {
  const { client, call, operation, outcome, request, batch } = recorded;
  return object({
    client: JSON.stringify(client),
    call: String(call),
    return: outcome === null ? "null" : String(outcome.at),
    key: operation.kind === "scan" ? null : keyText(operation.key),
    op: operationText(operation),
    result: outcome === null ? '{"unknown":true}' : outcomeText(outcome.output),
    request: request === null ? null : JSON.stringify(request),
    batch: batch === null ? null : JSON.stringify(batch),
  });
}

/** From JSON texts; null leaves a member out. */
function object(members: Readonly<Record<string, string | null>>): string {
  const parts = Object.entries(members).flatMap(([name, text]) =>
    text === null ? [] : [`${JSON.stringify(name)}:${text}`],
  );
  return `{${parts.join(",")}}`;
}

function keyText(key: string): string {
  return renderBytes(Buffer.from(key, "latin1"));
}

function boundText(bound: string | null): string {
  return bound === null ? "null" : keyText(bound);
}

function versionText(version: number | null): string {
  return version === null ? "null" : `"${version}"`;
}

function columnsText(columns: Columns | null): string | null {
  return columns === null ? null : object(Object.fromEntries(columns));
}

function operationText(operation: RowOperation): string {
  switch (operation.kind) {
    case "get":
      return object({ kind: '"get"', columns: namesText(operation.columns) });
    case "write":
      return writeText(operation);
    case "scan":
      return object({
        kind: '"scan"',
        start: boundText(operation.start),
        end: boundText(operation.end),
        reverse: String(operation.reverse),
        columns: namesText(operation.columns),
      });
    default:
      return unreachable(operation);
  }
}

function namesText(names: readonly string[] | null): string | null {
  return names === null ? null : JSON.stringify(names);
}

function writeText(write: WriteOperation): string {
  const { expected, test, mutations } = write;
  const ifVersion = expectedText(expected);
  const cells = replacementOf(write);
  if (cells !== null) {
    if (cells.size === 0) return object({ kind: '"delete"', ifVersion });
    return object({ kind: '"put"', columns: columnsText(cells), ifVersion });
  }
  const condition =
    test === null
      ? null
      : object({ column: JSON.stringify(test.column), equals: test.equals ?? "null" });
  const list = `[${mutations.map(mutationText).join(",")}]`;
  return object({ kind: '"mutate"', mutations: list, ifVersion, if: condition });
}

function expectedText(expected: Expected): string | null {
  switch (expected.kind) {
    case "anything":
      return null;
    case "no-row":
      return "null";
    case "version":
      return versionText(expected.version);
    default:
      return unreachable(expected);
  }
}

function mutationText(mutation: RowMutation): string {
  switch (mutation.kind) {
    case "set":
      return object({ set: JSON.stringify(mutation.column), value: mutation.value });
    case "delete":
      return object({ delete: JSON.stringify(mutation.column) });
    case "delete-family":
      return object({ delete: JSON.stringify(mutation.family) });
    case "delete-row":
      return '{"deleteRow":true}';
    case "increment":
      return object({
        increment: JSON.stringify(mutation.column),
        amount: JSON.stringify(mutation.amount),
      });
    case "append":
      return object({ append: JSON.stringify(mutation.column), value: mutation.value });
    default:
      return unreachable(mutation);
  }
}

function outcomeText(outcome: RowOutcome): string {
  switch (outcome.kind) {
    case "read": {
      const { row } = outcome;
      return object({
        version: versionText(row?.version ?? null),
        columns: columnsText(row?.columns ?? null),
      });
    }
    case "written":
      return object({
        version: versionText(outcome.version),
        matched: outcome.matched ? null : "false",
        columns: columnsText(outcome.computed),
      });
    case "scanned": {
      const rows = outcome.rows.map(({ key, version, columns }) =>
        object({ key: keyText(key), version: versionText(version), columns: columnsText(columns) }),
      );
      return object({ rows: `[${rows.join(",")}]`, resume: boundText(outcome.resume) });
    }
    case "failed": {
      const { code, version } = outcome;
      const saysVersion = code === "VERSION_MISMATCH" || code === "ROW_EXISTS";
      return object({
        failed: JSON.stringify(code),
        version: saysVersion ? versionText(version) : null,
      });
    }
    default:
      return unreachable(outcome);
  }
}
