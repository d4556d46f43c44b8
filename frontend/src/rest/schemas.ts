/**
 * The JSON of the REST API as zod schemas: the bodies of rare calls are checked with them, and all of
 * them describe the API in `GET /v1/openapi.json`. Bodies of the data path are checked by hand, in
 * agreement with these (a test compares the two).
 */
import { z } from "zod";
import { FAMILY_NAME } from "./column-name.ts";
import { LIMITS } from "./limits.ts";
import { TABLE_NAME } from "./row-path.ts";

/** The schemas that have a name in the OpenAPI document. */
export const apiSchemas: z.core.$ZodRegistry<SchemaName> = z.registry<SchemaName>();

interface SchemaName {
  readonly id: string;
  readonly description?: string;
}

export const bytesSchema = z
  .union([z.string(), z.strictObject({ b64: z.string() })])
  .register(apiSchemas, {
    id: "Bytes",
    description: "Bytes: a string when they are valid UTF-8, else base64url",
  });

const valueSchema = z
  .union([z.string(), z.strictObject({ b64: z.string() }), z.strictObject({ int64: z.string() })])
  .register(apiSchemas, { id: "Value", description: "The value of a cell" });

export const versionSchema = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,15})$/)
  .register(apiSchemas, {
    id: "Version",
    description: "Microseconds since 1970, as a decimal string",
  });

const cellSchema = z.strictObject({ value: valueSchema, timestamp: versionSchema.optional() });
const columnsSchema = z.record(z.string(), valueSchema);
const cellsSchema = z.record(z.string(), z.array(cellSchema).min(1));

const rowMembers = {
  version: versionSchema.optional(),
  found: z.literal(true).optional(),
  columns: columnsSchema.optional(),
  cells: cellsSchema.optional(),
  timestamp: versionSchema.optional(),
};

export const rowBodySchema = z
  .strictObject({ key: bytesSchema.optional(), ...rowMembers })
  .register(apiSchemas, {
    id: "RowBody",
    description: "A whole row, as reads give it; at least one cell",
  });

export const rowSchema = z
  .strictObject({
    key: bytesSchema,
    version: versionSchema,
    columns: columnsSchema.optional(),
    cells: z.record(z.string(), z.array(cellSchema.required())).optional(),
  })
  .register(apiSchemas, { id: "Row" });

const amountSchema = z.union([z.int(), z.string()]);

const mutationMembers = {
  delete: z
    .array(
      z.union([
        z.string(),
        z.strictObject({
          column: z.string(),
          from: versionSchema.optional(),
          to: versionSchema.optional(),
        }),
      ]),
    )
    .optional(),
  set: columnsSchema.optional(),
  cells: cellsSchema.optional(),
  increment: z.record(z.string(), amountSchema).optional(),
  append: z.record(z.string(), bytesSchema).optional(),
  timestamp: versionSchema.optional(),
};

const predicateMembers = [
  z.strictObject({ column: z.string(), equals: valueSchema }),
  z.strictObject({ column: z.string(), exists: z.boolean() }),
  z.strictObject({ exists: z.boolean() }),
  z.strictObject({ version: versionSchema }),
] as const;

const predicateSchema: z.ZodType = z
  .union([
    ...predicateMembers,
    z.strictObject({
      get all() {
        return z.array(predicateSchema);
      },
    }),
    z.strictObject({
      get any() {
        return z.array(predicateSchema);
      },
    }),
    z.strictObject({
      get not() {
        return predicateSchema;
      },
    }),
  ])
  .register(apiSchemas, { id: "Predicate", description: "A test of the row before the mutations" });

const patchMembers = {
  if: predicateSchema.optional(),
  ...mutationMembers,
  else: z.strictObject(mutationMembers).optional(),
};

export const patchBodySchema = z.strictObject(patchMembers).register(apiSchemas, {
  id: "PatchBody",
  description: "Applied in the order delete, set, cells, increment, append",
});

export const writtenSchema = z
  .strictObject({ key: bytesSchema, version: versionSchema.nullable() })
  .register(apiSchemas, { id: "Written" });

export const patchedSchema = z
  .strictObject({
    key: bytesSchema,
    version: versionSchema.nullable(),
    matched: z.boolean(),
    columns: columnsSchema,
  })
  .register(apiSchemas, { id: "Patched" });

const familyRuleSchema = z
  .strictObject({
    maxVersions: z.int().min(1).max(2_147_483_647).nullable().optional(),
    maxAgeSeconds: z.null("expiry by age is not known to this version").optional(),
  })
  .register(apiSchemas, {
    id: "FamilyRule",
    description: "null: no limit; maxVersions is 1 when left out",
  });

export const createTableSchema = z
  .strictObject({
    name: z.string().regex(TABLE_NAME, `must be a table name: ${TABLE_NAME.source}`),
    families: z
      .record(
        z.string().regex(FAMILY_NAME, `must be a family name: ${FAMILY_NAME.source}`),
        familyRuleSchema,
      )
      .optional(),
    partitioning: z
      .literal("range", 'must be "range": other partitionings are not known to this version')
      .optional(),
    splitKeys: z.array(bytesSchema).max(LIMITS.splitKeys).optional(),
    replicas: z.literal([1, 3, 5], "must be 1, 3 or 5").optional(),
    deletionProtection: z.boolean().optional(),
  })
  .register(apiSchemas, { id: "CreateTable" });

export const tableSchema = z
  .strictObject({
    name: z.string(),
    id: z.string(),
    families: z.record(
      z.string(),
      z.strictObject({ maxVersions: z.int().nullable(), maxAgeSeconds: z.null() }),
    ),
    partitioning: z.literal("range"),
    replicas: z.int(),
    tablets: z.int(),
    deletionProtection: z.boolean(),
    createdAt: z.string(),
  })
  .register(apiSchemas, { id: "Table" });

export const tabletSchema = z
  .strictObject({
    id: z.string(),
    table: z.string(),
    start: bytesSchema.nullable(),
    end: bytesSchema.nullable(),
    generation: z.int(),
    leader: z.string().nullable(),
    replicas: z.array(
      z.strictObject({
        server: z.string(),
        role: z.enum(["leader", "follower", "learner", "leaving"]),
        lag: z.int().nullable(),
      }),
    ),
    sizeBytes: z.int(),
    rows: z.int(),
  })
  .register(apiSchemas, { id: "Tablet" });
