/**
 * Tablet server to master: who I am, what changed here. Master to tablet server: steps to take.
 *
 * H1. A heartbeat is a long poll: the master answers at once when it has steps, else after at most `holdMs`.
 *     A newer heartbeat of the same server makes it answer the older one at once.
 * H2. Deltas: `replicas` holds what changed since the heartbeat that the master acknowledged last;
 *     `full` says that it holds everything. A master that does not know the base answers `resend: true`.
 * H3. Steps carry the master's term; a server refuses those of an older term than it has seen. Every step is
 *     idempotent and names what it expects; steps are derived from reports, so nobody acknowledges them.
 */
import { z } from "zod";
import { defineRoute } from "../rpc/rpc-route.ts";
import { addressEntries } from "./address-entry.ts";
import { count, serverIdField } from "./fields.ts";
import {
  groupConfigSchema,
  membersSchema,
  rangeSchema,
  tableSchemaSchema,
} from "./tablet-schemas.ts";

/** What a tablet server knows of one of its replicas. */
const replicaReportSchema = z.strictObject({
  tabletId: count,
  replicaId: count,
  /**
   * `waiting`: created, no state yet. `suspect`: its log or rows are damaged; it neither votes nor serves and
   * must be replaced. `dropped`: the tablet's table was dropped, the drop entry is applied here.
   */
  state: z.enum(["waiting", "running", "suspect", "dropped"]),
  role: z.enum(["leader", "follower"]),
  term: count,
  leader: count.nullable(),
  generation: count,
  /** The active config as this replica knows it; ordered by configIndex. */
  configIndex: count,
  config: groupConfigSchema,
  commit: count,
  applied: count,
  lastIndex: count,
  rows: count,
  sizeBytes: count,
  /** Leader only: how far each other replica has come. */
  followers: z.array(
    z.strictObject({
      replicaId: count,
      match: count,
      state: z.enum(["probe", "replicate", "snapshot"]),
      active: z.boolean(),
    }),
  ),
});
export type ReplicaReport = z.infer<typeof replicaReportSchema>;

const heartbeatRequestSchema = z.strictObject({
  serverId: serverIdField,
  name: z.string(),
  url: z.string(),
  /** When the server took that address, by its own wall clock. */
  announcedAtMicros: count,
  /** Grows with every heartbeat of this process. */
  sequence: count,
  /** Of the process: distinguishes a restart. */
  bootId: z.string(),
  full: z.boolean(),
  replicas: z.array(replicaReportSchema),
  /** Replicas that were destroyed here since the base, or all tombstones known when `full`. */
  destroyed: z.array(z.strictObject({ tabletId: count, replicaId: count })),
  wallMicros: count,
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

const stepSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("create-replica"),
    tabletId: count,
    replicaId: count,
    generation: count,
    range: rangeSchema,
    schema: tableSchemaSchema,
    /** The first config of a new tablet, the same for all its replicas; null: wait for a snapshot. */
    initialConfig: groupConfigSchema.nullable(),
    /** The replica that should lead first campaigns at once. */
    campaign: z.boolean(),
  }),
  /** To the leader. Adds a learner, promotes and removes in one joint change, or removes. */
  z.strictObject({
    kind: z.literal("change-config"),
    tabletId: count,
    generation: count,
    configIndex: count,
    voters: membersSchema,
    learners: membersSchema,
  }),
  z.strictObject({ kind: z.literal("transfer-leader"), tabletId: count, to: count }),
  /** To the leader: commit a drop entry; the tablet then answers TABLE_DROPPED. */
  z.strictObject({ kind: z.literal("drop-tablet"), tabletId: count }),
  /** The replica is no member any more, or its table is gone: tombstone it and delete its data. */
  z.strictObject({ kind: z.literal("destroy-replica"), tabletId: count, replicaId: count }),
]);
export type Step = z.infer<typeof stepSchema>;

const heartbeatReplySchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("steps"),
    masterTerm: count,
    /** The heartbeat whose report the master has taken in. */
    acknowledged: count,
    resend: z.boolean(),
    steps: z.array(stepSchema),
    /** The tablet servers, so that each finds the others. */
    servers: addressEntries,
  }),
  /** This master does not lead; `leaderUrl` may be tried next. */
  z.strictObject({ kind: z.literal("not-leader"), leaderUrl: z.string().nullable() }),
  /** The name belongs to another live server, or this server id was replaced: the process must say so and end. */
  z.strictObject({ kind: z.literal("refused"), detail: z.string() }),
]);
export type HeartbeatReply = z.infer<typeof heartbeatReplySchema>;

export const heartbeatRoute = defineRoute({
  path: "/internal/heartbeat",
  request: heartbeatRequestSchema,
  response: heartbeatReplySchema,
});

/** A master answers a heartbeat for which it has no steps after so long (H1). */
export const HEARTBEAT_HOLD_MS = 1000;
