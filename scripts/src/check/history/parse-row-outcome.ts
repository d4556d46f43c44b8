/** The member `result` of a line of a history. What may stand there depends on the operation. */
import { unreachable } from "@stele/shared/assert.ts";
import { parseVersion } from "@stele/frontend/rest/decimal.ts";
import { at, invalidBody, listOf, objectOf } from "@stele/frontend/rest/invalid-input.ts";
import type { Pointer } from "@stele/frontend/rest/invalid-input.ts";
import { Members, nullable } from "./members.ts";
import {
  parseBoolean,
  parseBound,
  parseCells,
  parseCode,
  parseKey,
  parseTrue,
} from "./member-values.ts";
import type { RowOperation, RowOutcome, ScannedOutcome } from "./row-operation.ts";

/** Null: unknown. */
export function parseRowOutcome(
  value: unknown,
  pointer: Pointer,
  operation: RowOperation,
): RowOutcome | null {
  const object = objectOf(value, pointer);
  if (Object.hasOwn(object, "unknown")) {
    const members = new Members(value, pointer, ["unknown", "code"]);
    members.required("unknown", parseTrue);
    members.optional("code", parseCode);
    return null;
  }
  if (Object.hasOwn(object, "failed")) return parseFailed(value, pointer);
  switch (operation.kind) {
    case "get":
      return parseRead(value, pointer);
    case "write":
      return parseWritten(value, pointer);
    case "scan":
      return parseScanned(value, pointer);
    default:
      return unreachable(operation);
  }
}

function parseFailed(value: unknown, pointer: Pointer): RowOutcome {
  const members = new Members(value, pointer, ["failed", "version"]);
  const code = members.required("failed", parseCode);
  if (code === "ROW_NOT_FOUND") {
    throw invalidBody(at(pointer, "failed"), 'a row that is not there is {"version":null}');
  }
  if (code === "VERSION_MISMATCH" || code === "ROW_EXISTS") {
    return { kind: "failed", code, version: members.required("version", nullable(parseVersion)) };
  }
  if (members.has("version")) {
    throw invalidBody(at(pointer, "version"), `does not belong to ${code}`);
  }
  return { kind: "failed", code, version: null };
}

function parseRead(value: unknown, pointer: Pointer): RowOutcome {
  const members = new Members(value, pointer, ["version", "columns"]);
  const version = members.required("version", nullable(parseVersion));
  if (version !== null) {
    return { kind: "read", row: { version, columns: members.required("columns", parseCells) } };
  }
  if (members.has("columns"))
    throw invalidBody(at(pointer, "columns"), "of a row that is not there");
  return { kind: "read", row: null };
}

function parseWritten(value: unknown, pointer: Pointer): RowOutcome {
  const members = new Members(value, pointer, ["version", "matched", "columns"]);
  return {
    kind: "written",
    version: members.required("version", nullable(parseVersion)),
    matched: members.optional("matched", parseBoolean) ?? true,
    computed: members.optional("columns", parseCells),
  };
}

function parseScanned(value: unknown, pointer: Pointer): RowOutcome {
  const members = new Members(value, pointer, ["rows", "resume"]);
  const rows = members.required("rows", (list, place) =>
    listOf(list, place).map((item, index) => parseScannedRow(item, at(place, index))),
  );
  return { kind: "scanned", rows, resume: members.required("resume", nullable(parseBound)) };
}

function parseScannedRow(value: unknown, pointer: Pointer): ScannedOutcome["rows"][number] {
  const members = new Members(value, pointer, ["key", "version", "columns"]);
  return {
    key: members.required("key", parseKey),
    version: members.required("version", parseVersion),
    columns: members.optional("columns", parseCells),
  };
}
