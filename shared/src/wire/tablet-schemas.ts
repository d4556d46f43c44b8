/** What descriptions of tablets on the control plane consist of, whoever sends them. */
import { z } from "zod";
import { base64Bytes, count, replicaIdField, serverIdField } from "./fields.ts";

export const membersSchema = z.array(
  z.strictObject({ replicaId: replicaIdField, serverId: serverIdField }),
);

/** As `GroupConfig`. */
export const groupConfigSchema = z.strictObject({
  voters: membersSchema,
  outgoing: membersSchema,
  learners: membersSchema,
});

/** As `RowRange`. */
export const rangeSchema = z.strictObject({
  start: base64Bytes.nullable(),
  end: base64Bytes.nullable(),
});

export const tableSchemaSchema = z.strictObject({
  tableId: count,
  schemaVersion: count,
  families: z.array(
    z.strictObject({
      name: z.string(),
      number: z.int().min(1).max(65535),
      rule: z.strictObject({ maxVersions: z.int().positive().nullable() }),
    }),
  ),
});
