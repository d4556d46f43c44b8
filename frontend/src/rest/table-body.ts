/** The body of `POST /v1/tables`. */
import { compareRowKeys } from "@stele/shared/row-key.ts";
import type { CreateTable } from "@stele/shared/wire/admin-views.ts";
import { parseBytes } from "./bytes-json.ts";
import { at, invalidBody, objectOf } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";
import { checkedKey } from "./row-path.ts";
import { createTableSchema } from "./schemas.ts";
import { parseWithSchema } from "./zod-body.ts";

type Families = CreateTable["families"];

export function parseCreateTable(body: unknown, idempotencyKey: string | null): CreateTable {
  refuseHashPartitioning(body);
  refuseProtoFamily(body);
  const table = parseWithSchema(createTableSchema, body);
  return {
    name: table.name,
    families: familiesOf(table.families ?? { d: {} }),
    splitKeys: splitKeysOf(table.splitKeys ?? []),
    replicas: table.replicas ?? null,
    deletionProtection: table.deletionProtection ?? false,
    idempotencyKey,
  };
}

/** Before the schema, which would name `tablets` and not the cause. */
function refuseHashPartitioning(body: unknown): void {
  if (objectOf(body, null).partitioning !== "hash") return;
  throw invalidBody(
    at(null, "partitioning"),
    "hash partitioning is not known to this version: tables are partitioned by range",
  );
}

/** Before the schema, which passes over a member of this name. */
function refuseProtoFamily(body: unknown): void {
  const { families } = objectOf(body, null);
  if (
    families === undefined ||
    !Object.hasOwn(objectOf(families, at(null, "families")), "__proto__")
  )
    return;
  throw invalidBody(at(at(null, "families"), "__proto__"), "must be a family name");
}

function familiesOf(
  families: Readonly<Record<string, { readonly maxVersions?: number | null | undefined }>>,
): Families {
  const entries = Object.entries(families);
  if (entries.length === 0 || entries.length > LIMITS.families) {
    throw invalidBody(at(null, "families"), `must hold 1 to ${LIMITS.families} families`);
  }
  const rules: Record<string, { maxVersions: number | null }> = {};
  for (const [name, { maxVersions }] of entries) {
    rules[name] = { maxVersions: maxVersions === undefined ? 1 : maxVersions };
  }
  return rules;
}

function splitKeysOf(keys: readonly unknown[]): readonly Buffer[] {
  const place = at(null, "splitKeys");
  const sorted = keys
    .map((key, index) => checkedKey(parseBytes(key, at(place, index)), `/splitKeys/${index}`))
    .sort(compareRowKeys);
  for (const [index, key] of sorted.entries()) {
    if (index > 0 && key.equals(sorted[index - 1] as Buffer)) {
      throw invalidBody(place, "must hold each key once");
    }
  }
  return sorted;
}
