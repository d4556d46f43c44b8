/**
 * Front-end to master: the tablet map by key. Row keys travel as base64. Any master answers from its applied state;
 * that a table does not exist, only the leader can tell.
 */
import { z } from "zod";
import { base64Bytes, count, serverIdField } from "./fields.ts";
import { rangeSchema, tableSchemaSchema } from "./tablet-schemas.ts";

/** One entry of the tablet map: the descriptor plus where each replica is. */
const mapEntrySchema = z.strictObject({
  tabletId: count,
  generation: count,
  configIndex: count,
  range: rangeSchema,
  replicas: z.array(
    z.strictObject({
      replicaId: count,
      serverId: serverIdField,
      role: z.enum(["voter", "learner", "leaving"]),
      /** Of the server, as last known. */
      name: z.string(),
      url: z.string(),
    }),
  ),
  /** The replica that led when last heard of. */
  leader: count.nullable(),
});
export type MapEntry = z.infer<typeof mapEntrySchema>;

export const lookUpRequestSchema = z.strictObject({
  table: z.string(),
  /** Null: the first tablet. The entry that holds it comes first. */
  key: base64Bytes.nullable(),
  /** How many following entries to send along, prefetched. */
  neighbours: z.int().min(0).max(1000),
  /** A follower that does not know the table says so; only the leader's "no" counts. */
  leaderOnly: z.boolean(),
});
export const lookUpReplySchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("found"),
    schema: tableSchemaSchema,
    entries: z.array(mapEntrySchema),
  }),
  /** `authoritative`: the catalog leader says that there is no such table. */
  z.strictObject({ kind: z.literal("no-table"), authoritative: z.boolean() }),
  z.strictObject({ kind: z.literal("not-leader"), leaderUrl: z.string().nullable() }),
]);
export type LookUpReply = z.infer<typeof lookUpReplySchema>;
