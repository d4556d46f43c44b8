/**
 * Which cells of stored rows a read wants, made ready once per request: family names are resolved and
 * checked here, and rows are then looked through by numbers.
 *
 * J1. `timestamp` chooses among all versions of a column, then `versions` keeps the newest of those.
 * J2. A family that is wanted whole includes any of its columns that are named too.
 */
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Projection } from "@stele/shared/row-operations.ts";
import type { TableSchema } from "@stele/shared/tablet-descriptor.ts";
import { unknownFamily } from "./refusals.ts";
import { familiesOf } from "./schema-families.ts";

export interface WantedFamily {
  readonly name: string;
  readonly number: number;
  /** Ascending, none twice; null: every column. */
  readonly qualifiers: readonly Buffer[] | null;
}

export interface RowProjection {
  /** In the order of their names, as rows show them. */
  readonly families: readonly WantedFamily[];
  /** Every cell of a wanted column is wanted. */
  readonly allVersions: boolean;
  readonly versions: number | null;
  readonly timestamp: Version | null;
  readonly keysOnly: boolean;
  /** The schema has a family of this number. */
  isKnown(familyNumber: number): boolean;
}

export type ProjectionResult =
  | { readonly kind: "ready"; readonly projection: RowProjection }
  | { readonly kind: "refused"; readonly error: DatabaseErrorBody };

/** Refuses with 422 FAMILY_NOT_FOUND when a wanted family is not in the schema. */
export function prepareProjection(asked: Projection, schema: TableSchema): ProjectionResult {
  const known = familiesOf(schema);
  const wanted = new Map<string, Buffer[] | null>();
  for (const { family, qualifier } of asked.columns ?? []) {
    if (!known.byName.has(family)) {
      return { kind: "refused", error: unknownFamily(family, known) };
    }
    const before = wanted.get(family);
    if (qualifier === null || before === null) wanted.set(family, null);
    else if (before === undefined) wanted.set(family, [qualifier]);
    else before.push(qualifier);
  }
  const families: WantedFamily[] = [];
  for (const { name, number } of known.inNameOrder) {
    const qualifiers = asked.columns === null ? null : wanted.get(name);
    if (qualifiers === undefined) continue;
    families.push({ name, number, qualifiers: qualifiers && ascending(qualifiers) });
  }
  const { versions, timestamp, keysOnly } = asked;
  const allVersions = versions === null && timestamp === null;
  const isKnown = (familyNumber: number) => known.byNumber.has(familyNumber);
  const projection = { families, allVersions, versions, timestamp, keysOnly, isKnown };
  return { kind: "ready", projection };
}

function ascending(qualifiers: Buffer[]): Buffer[] {
  const sorted = qualifiers.sort(Buffer.compare);
  return sorted.filter((one, at) => !sorted[at - 1]?.equals(one));
}
