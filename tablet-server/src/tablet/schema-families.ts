/**
 * A schema's families by name and by number. Computed once per schema object: schemas are immutable and
 * replaced as a whole.
 */
import type { Family, TableSchema } from "@stele/shared/tablet-descriptor.ts";

export interface SchemaFamilies {
  readonly byName: ReadonlyMap<string, Family>;
  readonly byNumber: ReadonlyMap<number, Family>;
  /** Bytewise by name: the order in which rows show them. */
  readonly inNameOrder: readonly Family[];
}

const known = new WeakMap<TableSchema, SchemaFamilies>();

export function familiesOf(schema: TableSchema): SchemaFamilies {
  const found = known.get(schema);
  if (found !== undefined) return found;
  const inNameOrder = [...schema.families].sort((a, b) =>
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
  const families: SchemaFamilies = {
    byName: new Map(inNameOrder.map((family) => [family.name, family])),
    byNumber: new Map(inNameOrder.map((family) => [family.number, family])),
    inNameOrder,
  };
  known.set(schema, families);
  return families;
}
