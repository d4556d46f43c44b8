/**
 * Front-end to master: tables and the cluster's own state. JSON on the control plane; row keys as base64 on
 * the wire and as bytes on both sides. What the answers mean is in `admin-views.ts` and docs/REST_API.md.
 *
 * Only the catalog's leader answers; another master says `not-leader` and who leads. Failures are
 * `DatabaseError`s; a call that outlives its deadline is DEADLINE while its operation goes on, and joins that
 * operation when it is sent again with the same key.
 */
import { z } from "zod";
import { defineRoute } from "../rpc/rpc-route.ts";
import { base64Bytes, count } from "./fields.ts";

const notLeaderSchema = z.strictObject({
  kind: z.literal("not-leader"),
  /** May be tried next; null: nobody is known to lead. */
  leaderUrl: z.string().nullable(),
});

const answer = <Result extends z.ZodType>(result: Result) =>
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("answer"), result }),
    notLeaderSchema,
  ]);

const familyRuleView = z.strictObject({
  maxVersions: z.int().positive().nullable(),
  maxAgeSeconds: z.null(),
});

const tableViewSchema = z.strictObject({
  name: z.string(),
  id: z.string(),
  families: z.record(z.string(), familyRuleView),
  partitioning: z.literal("range"),
  replicas: count,
  tablets: count,
  deletionProtection: z.boolean(),
  createdAt: z.string(),
});

const tabletViewSchema = z.strictObject({
  id: z.string(),
  table: z.string(),
  start: base64Bytes.nullable(),
  end: base64Bytes.nullable(),
  generation: count,
  leader: z.string().nullable(),
  replicas: z
    .array(
      z.strictObject({
        server: z.string(),
        role: z.enum(["leader", "follower", "learner", "leaving"]),
        lag: count.nullable(),
      }),
    )
    .readonly(),
  sizeBytes: count,
  rows: count,
});

const serverViewSchema = z.strictObject({
  id: z.string(),
  serverId: z.uuid(),
  url: z.string(),
  state: z.enum(["live", "silent", "gone"]),
  lastSeenMs: z.number().nonnegative().nullable(),
  replicas: count,
  leaders: count,
  sizeBytes: count,
});

const masterViewSchema = z.strictObject({
  id: z.string(),
  serverId: z.uuid(),
  url: z.string(),
  role: z.enum(["leader", "follower", "unreachable"]),
  term: count.nullable(),
});

const statusViewSchema = z.strictObject({
  status: z.enum(["green", "yellow", "red"]),
  reasons: z
    .array(z.strictObject({ code: z.string(), detail: z.string(), next: z.string() }))
    .readonly(),
});

const decisionSchema = z.strictObject({
  /** Microseconds since 1970. */
  atMicros: count,
  rule: z.string(),
  subject: z.string(),
  outcome: z.enum(["acts", "waits", "refuses"]),
  reason: z.string(),
});

const named = z.strictObject({ table: z.string() });
const nothing = z.strictObject({});

export const createTableRoute = defineRoute({
  path: "/internal/tables/create",
  request: z.strictObject({
    name: z.string(),
    families: z.record(z.string(), z.strictObject({ maxVersions: z.int().positive().nullable() })),
    /** Sorted, distinct. */
    splitKeys: z.array(base64Bytes).readonly(),
    replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]).nullable(),
    deletionProtection: z.boolean(),
    /**
     * The client's key, or one that the front-end makes up for this call and repeats in its own retries; null:
     * a call whose answer was lost must not be sent again.
     */
    idempotencyKey: z.string().nullable(),
  }),
  response: answer(tableViewSchema),
});

export const listTablesRoute = defineRoute({
  path: "/internal/tables/list",
  request: nothing,
  response: answer(z.array(tableViewSchema).readonly()),
});

export const describeTableRoute = defineRoute({
  path: "/internal/tables/describe",
  request: named,
  response: answer(tableViewSchema),
});

export const dropTableRoute = defineRoute({
  path: "/internal/tables/drop",
  request: z.strictObject({ table: z.string(), idempotencyKey: z.string().nullable() }),
  response: answer(nothing),
});

/** In key order, from the tablet that holds `from` (null: the first). */
export const tableTabletsRoute = defineRoute({
  path: "/internal/tables/tablets",
  request: z.strictObject({
    table: z.string(),
    from: base64Bytes.nullable(),
    limit: z.int().min(1).max(10_000),
  }),
  response: answer(
    z.strictObject({
      tableId: count,
      tablets: z.array(tabletViewSchema).readonly(),
      nextStart: base64Bytes.nullable(),
    }),
  ),
});

export const clusterStatusRoute = defineRoute({
  path: "/internal/cluster/status",
  request: nothing,
  response: answer(statusViewSchema),
});

export const clusterServersRoute = defineRoute({
  path: "/internal/cluster/servers",
  request: nothing,
  response: answer(z.array(serverViewSchema).readonly()),
});

export const clusterMastersRoute = defineRoute({
  path: "/internal/cluster/masters",
  request: nothing,
  response: answer(z.array(masterViewSchema).readonly()),
});

/** All tablets by id; `after` is the last id of the page before, null: from the first. */
export const clusterTabletsRoute = defineRoute({
  path: "/internal/cluster/tablets",
  request: z.strictObject({
    after: z.string().nullable(),
    limit: z.int().min(1).max(10_000),
  }),
  response: answer(
    z.strictObject({ items: z.array(tabletViewSchema).readonly(), next: z.string().nullable() }),
  ),
});

export const clusterTabletRoute = defineRoute({
  path: "/internal/cluster/tablet",
  request: z.strictObject({ id: z.string() }),
  response: answer(tabletViewSchema),
});

/** What the planner did lately, waits for, or refused, and why; newest first. */
export const clusterDecisionsRoute = defineRoute({
  path: "/internal/cluster/decisions",
  request: nothing,
  response: answer(z.array(decisionSchema).readonly()),
});
