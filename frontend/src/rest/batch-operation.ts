/**
 * One operation of a batch or load: `{"put":{..}}`, `{"patch":{..}}`, `{"delete":{..}}`, or a bare row.
 *
 * O1. `ifVersion` and `idempotencyKey` stand within the operation or beside it, never in both places.
 */
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { NO_CONDITIONS } from "@stele/shared/row-operations.ts";
import type { Conditions, RowWrite, WriteResult } from "@stele/shared/row-operations.ts";
import { parseBytes } from "./bytes-json.ts";
import { parseVersion } from "./decimal.ts";
import { IDEMPOTENCY_KEY_RULE, isIdempotencyKey, withIdempotency } from "./idempotency.ts";
import type { WriteMethod } from "./idempotency.ts";
import { at, invalidBody, objectOf, onlyMembers, pointerText } from "./invalid-input.ts";
import type { Pointer } from "./invalid-input.ts";
import { PATCH_MEMBERS, parsePatch } from "./patch-body.ts";
import { operationProblem } from "./problem-json.ts";
import { ROW_MEMBERS, parseRowCells } from "./row-body.ts";
import { checkedKey } from "./row-path.ts";
import { completed } from "./steps.ts";
import { renderPatched, replacing, rowWrite } from "./rows.ts";

type JsonObject = Readonly<Record<string, unknown>>;
type OperationKind = "put" | "patch" | "delete";

const MODIFIERS = ["ifVersion", "idempotencyKey"] as const;
const PUT_MEMBERS: ReadonlySet<string> = new Set([...ROW_MEMBERS, ...MODIFIERS]);
const DELETE_MEMBERS: ReadonlySet<string> = new Set(["key", ...MODIFIERS]);
const PATCH_OPERATION_MEMBERS: ReadonlySet<string> = new Set([
  "key",
  ...PATCH_MEMBERS,
  ...MODIFIERS,
]);
const BESIDE = {
  put: new Set(["put", ...MODIFIERS]),
  patch: new Set(["patch", ...MODIFIERS]),
  delete: new Set(["delete", ...MODIFIERS]),
} as const satisfies Record<OperationKind, ReadonlySet<string>>;

const METHODS = { put: "PUT", patch: "PATCH", delete: "DELETE" } as const satisfies Record<
  OperationKind,
  WriteMethod
>;

export type Operation =
  | { readonly kind: OperationKind; readonly write: RowWrite }
  /** What is wrong inside an operation is its result, and not the batch's. */
  | { readonly kind: "refused"; readonly error: DatabaseErrorBody };

/** `defaultKey`: the Idempotency-Key where the operation names none. */
export function parseOperation(
  value: unknown,
  pointer: Pointer,
  defaultKey: string | null,
): Operation {
  return orRefused(() => {
    const outer = objectOf(value, pointer);
    const kind = kindOf(outer, pointer);
    onlyMembers(outer, BESIDE[kind], pointer);
    const place = at(pointer, kind);
    const body = objectOf(outer[kind], place);
    return operation(kind, body, place, modifiersOf(outer, body, pointer), defaultKey);
  });
}

/** A row as reads give it, which means to put it. */
export function parseBareRow(
  row: JsonObject,
  pointer: Pointer,
  defaultKey: string | null,
): Operation {
  return orRefused(() => operation("put", row, pointer, row, defaultKey));
}

function orRefused(parse: () => Operation): Operation {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return { kind: "refused", error: { ...error.body, applied: "no" } };
  }
}

function kindOf(outer: JsonObject, pointer: Pointer): OperationKind {
  const kinds = (["put", "patch", "delete"] as const).filter((kind) => outer[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw invalidBody(pointer, "must have exactly one of put, patch and delete");
  }
  return kind;
}

function modifiersOf(outer: JsonObject, body: JsonObject, pointer: Pointer): JsonObject {
  for (const name of MODIFIERS) {
    if (outer[name] !== undefined && body[name] !== undefined) {
      throw invalidBody(at(pointer, name), "is given twice");
    }
  }
  return {
    ifVersion: outer.ifVersion === undefined ? body.ifVersion : outer.ifVersion,
    idempotencyKey: outer.idempotencyKey ?? body.idempotencyKey,
  };
}

function operation(
  kind: OperationKind,
  body: JsonObject,
  pointer: Pointer,
  modifiers: JsonObject,
  defaultKey: string | null,
): Operation {
  const conditions = conditionsOf(modifiers.ifVersion, pointer);
  const write = writeOf(kind, body, pointer, conditions);
  const key = idempotencyKeyOf(modifiers.idempotencyKey, pointer) ?? defaultKey;
  return { kind, write: withIdempotency(write, METHODS[kind], key) };
}

function writeOf(
  kind: OperationKind,
  body: JsonObject,
  pointer: Pointer,
  conditions: Conditions,
): RowWrite {
  switch (kind) {
    case "put":
      onlyMembers(body, PUT_MEMBERS, pointer);
      return rowWrite(
        keyOf(body, pointer),
        conditions,
        replacing(completed(parseRowCells(body, pointer))),
      );
    case "patch":
      onlyMembers(body, PATCH_OPERATION_MEMBERS, pointer);
      return {
        ...completed(parsePatch(body, pointer)),
        key: keyOf(body, pointer),
        conditions,
        idempotency: null,
      };
    case "delete":
      onlyMembers(body, DELETE_MEMBERS, pointer);
      return rowWrite(keyOf(body, pointer), conditions, [{ kind: "delete-row" }]);
  }
}

function keyOf(body: JsonObject, pointer: Pointer): Buffer {
  const place = at(pointer, "key");
  return checkedKey(parseBytes(body.key, place), pointerText(place));
}

/** `ifVersion`: a version, or null for "the row must not exist". */
function conditionsOf(ifVersion: unknown, pointer: Pointer): Conditions {
  if (ifVersion === undefined) return NO_CONDITIONS;
  if (ifVersion === null) return { ...NO_CONDITIONS, ifNoneMatch: "any" };
  return { ...NO_CONDITIONS, ifMatch: [parseVersion(ifVersion, at(pointer, "ifVersion"))] };
}

function idempotencyKeyOf(value: unknown, pointer: Pointer): string | null {
  if (value === undefined) return null;
  if (typeof value === "string" && isIdempotencyKey(value)) return value;
  throw invalidBody(at(pointer, "idempotencyKey"), IDEMPOTENCY_KEY_RULE);
}

/** The result of an operation that was applied, as JSON text. */
export function renderDone(kind: OperationKind, write: RowWrite, result: WriteResult): string {
  const replayed = result.replayed ? ',"replayed":true' : "";
  switch (kind) {
    case "patch":
      return `{"status":200${replayed},${renderPatched(write.key, result).slice(1)}`;
    case "put": {
      const status = result.createdRow ? 201 : 200;
      return `{"status":${status}${replayed},"version":${renderVersion(result)}}`;
    }
    case "delete":
      return `{"status":204${replayed},"version":${renderVersion(result)}}`;
  }
}

export function renderFailed(error: DatabaseErrorBody): string {
  return JSON.stringify(operationProblem(error));
}

function renderVersion({ version }: WriteResult): string {
  return version === null ? "null" : `"${version}"`;
}
