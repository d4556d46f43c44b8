/** What each call takes and gives, for `GET /v1/openapi.json`; the key is the route's `op`. */
import { z } from "zod";
import {
  apiSchemas,
  bytesSchema,
  createTableSchema,
  patchBodySchema,
  patchedSchema,
  rowBodySchema,
  rowSchema,
  tableSchema,
  tabletSchema,
  versionSchema,
  writtenSchema,
} from "./schemas.ts";

export interface CallSchemas {
  readonly request?: z.ZodType;
  /** Null: bytes, or no body. */
  readonly answer: z.ZodType | null;
  /** Of success. */
  readonly statuses: readonly number[];
}

const rangeMembers = {
  prefix: bytesSchema.optional(),
  start: bytesSchema.optional(),
  startAfter: bytesSchema.optional(),
  end: bytesSchema.optional(),
  key: bytesSchema.optional(),
};

const rangesMembers = {
  ...rangeMembers,
  ranges: z.array(z.strictObject(rangeMembers)).optional(),
  pageToken: z.string().optional(),
};

const shapeMembers = {
  columns: z.array(z.string()).optional(),
  view: z.enum(["columns", "cells"]).optional(),
  versions: z.union([z.int().min(1), z.literal("all")]).optional(),
  keysOnly: z.boolean().optional(),
};

const scanBodySchema = z
  .strictObject({
    ...rangesMembers,
    ...shapeMembers,
    limit: z.int().min(1).optional(),
    reverse: z.boolean().optional(),
  })
  .register(apiSchemas, { id: "ScanBody", description: "One range inline, or ranges" });

const countBodySchema = z.strictObject(rangesMembers).register(apiSchemas, { id: "CountBody" });

const getBodySchema = z
  .strictObject({ keys: z.array(bytesSchema), ...shapeMembers })
  .register(apiSchemas, { id: "GetBody" });

const problemMembers = {
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  retryable: z.boolean(),
  hint: z.string().optional(),
  errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).optional(),
  applied: z.enum(["no", "unknown"]).optional(),
  version: versionSchema.nullable().optional(),
  retryAfterMs: z.int().optional(),
};

export const problemSchema = z
  .object({ type: z.string(), title: z.string(), requestId: z.string(), ...problemMembers })
  .register(apiSchemas, {
    id: "Problem",
    description: "RFC 9457; the codes are in docs/ERRORS.md",
  });

const modifiers = {
  ifVersion: versionSchema.nullable().optional(),
  idempotencyKey: z.string().optional(),
};

const operationSchema = z
  .union([
    z.strictObject({
      put: rowBodySchema.extend({ key: bytesSchema, ...modifiers }),
      ...modifiers,
    }),
    z.strictObject({
      patch: patchBodySchema.extend({ key: bytesSchema, ...modifiers }),
      ...modifiers,
    }),
    z.strictObject({ delete: z.strictObject({ key: bytesSchema, ...modifiers }), ...modifiers }),
  ])
  .register(apiSchemas, { id: "Operation" });

const operationResultSchema = z
  .union([
    z.strictObject({
      status: z.int(),
      replayed: z.literal(true).optional(),
      version: versionSchema.nullable(),
    }),
    z
      .strictObject({ status: z.int(), replayed: z.literal(true).optional() })
      .extend(patchedSchema.shape),
    z.strictObject(problemMembers),
  ])
  .register(apiSchemas, { id: "OperationResult" });

const nextPageToken = z.string().optional();
const rowAnswer = { answer: rowSchema, statuses: [200, 304] } as const;
const written = { request: rowBodySchema, answer: writtenSchema } as const;
const bytesAnswer = { answer: null, statuses: [200, 304] } as const;
const rowPage = z.strictObject({ rows: z.array(rowSchema), nextPageToken });

const serverSchema = z.object({ id: z.string(), serverId: z.string(), url: z.string() });

export const CALL_SCHEMAS: Readonly<Record<string, CallSchemas>> = {
  table_create: { request: createTableSchema, answer: tableSchema, statuses: [201] },
  table_list: { answer: z.strictObject({ tables: z.array(tableSchema) }), statuses: [200] },
  table_describe: { answer: tableSchema, statuses: [200] },
  table_drop: { answer: null, statuses: [204] },
  table_tablets: {
    answer: z.strictObject({ tablets: z.array(tabletSchema), nextPageToken }),
    statuses: [200],
  },
  row_get: rowAnswer,
  row_put: { ...written, statuses: [200, 201] },
  row_post: { ...written, statuses: [201] },
  row_patch: { request: patchBodySchema, answer: patchedSchema, statuses: [200] },
  row_delete: { answer: null, statuses: [204] },
  cell_get: bytesAnswer,
  cell_put: { answer: writtenSchema, statuses: [200, 201] },
  cell_delete: { answer: null, statuses: [204] },
  rows_list: { answer: rowPage, statuses: [200] },
  rows_scan: { request: scanBodySchema, answer: rowPage, statuses: [200] },
  rows_count: {
    request: countBodySchema,
    answer: z.strictObject({ count: z.int(), nextPageToken }),
    statuses: [200],
  },
  rows_get: {
    request: getBodySchema,
    answer: z.strictObject({
      rows: z.array(
        z.union([
          rowSchema.extend({ found: z.literal(true) }),
          z.strictObject({ key: bytesSchema, found: z.literal(false) }),
          z.strictObject({ key: bytesSchema, ...problemMembers }),
        ]),
      ),
    }),
    statuses: [200, 207],
  },
  rows_batch: {
    request: z.strictObject({ ops: z.array(operationSchema) }),
    answer: z.strictObject({ results: z.array(operationResultSchema) }),
    statuses: [200, 207],
  },
  cluster_status: {
    answer: z.strictObject({
      status: z.enum(["green", "yellow", "red"]),
      reasons: z.array(z.strictObject({ code: z.string(), detail: z.string(), next: z.string() })),
    }),
    statuses: [200],
  },
  server_list: { answer: z.strictObject({ servers: z.array(serverSchema) }), statuses: [200] },
  master_list: { answer: z.strictObject({ masters: z.array(serverSchema) }), statuses: [200] },
  tablet_list: {
    answer: z.strictObject({ tablets: z.array(tabletSchema), nextPageToken }),
    statuses: [200],
  },
  tablet_get: { answer: tabletSchema, statuses: [200] },
  tablet_verify: {
    answer: z.strictObject({
      index: z.int(),
      equal: z.boolean(),
      replicas: z.array(z.strictObject({ server: z.string(), rows: z.int(), hash: z.string() })),
    }),
    statuses: [200],
  },
  limits: { answer: z.record(z.string(), z.int()), statuses: [200] },
  openapi: { answer: z.object({ openapi: z.string() }), statuses: [200] },
  version: {
    answer: z.strictObject({
      name: z.string(),
      role: z.string(),
      version: z.string(),
      id: z.string(),
    }),
    statuses: [200],
  },
  healthz: { answer: z.strictObject({ status: z.literal("ok") }), statuses: [200] },
  readyz: { answer: z.strictObject({ status: z.literal("ready") }), statuses: [200] },
  metrics: { answer: null, statuses: [200] },
};

for (const [op, { request, answer }] of Object.entries(CALL_SCHEMAS)) {
  name(request ?? null, `${op}_request`);
  name(answer, `${op}_answer`);
}

function name(schema: z.ZodType | null, id: string): void {
  if (schema !== null && !apiSchemas.has(schema)) apiSchemas.add(schema, { id });
}
