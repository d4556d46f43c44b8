/** The cluster: status, servers, masters, tablets (docs/REST_API.md). */
import type { FastifyReply, FastifyRequest } from "fastify";
import { DatabaseError } from "@stele/shared/errors.ts";
import { tableId } from "@stele/shared/ids.ts";
import type { CallLimits } from "../operations.ts";
import { objectOf, onlyMembers } from "./invalid-input.ts";
import { ADMIN_TIMEOUT_MS, LIMITS } from "./limits.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "./page-token.ts";
import { limitsOf, queryOf } from "./rest-context.ts";
import type { Handler, RestContext } from "./rest-context.ts";
import { pathParameter } from "./route.ts";
import type { Route } from "./route.ts";
import { renderTablet } from "./tablet-json.ts";

const QUERY: ReadonlySet<string> = new Set(["timeout"]);
const LIST_QUERY: ReadonlySet<string> = new Set(["limit", "pageToken", "timeout"]);
const NO_MEMBERS: ReadonlySet<string> = new Set();
const TABLET_ID = /^[1-9][0-9]{0,15}$/;

export function clusterRoutes(context: RestContext): readonly Route[] {
  const read = { methods: ["GET"], query: QUERY, body: "none", effect: "read" } as const;
  const { cluster } = context;
  return [
    {
      ...read,
      op: "cluster_status",
      path: "/v1/status",
      summary: "The state of the cluster, with reasons and what to do next",
      handler: viewer(context, (limits) => cluster.status(limits)),
    },
    {
      ...read,
      op: "server_list",
      path: "/v1/servers",
      summary: "List the tablet servers",
      handler: viewer(context, async (limits) => ({ servers: await cluster.servers(limits) })),
    },
    {
      ...read,
      op: "master_list",
      path: "/v1/masters",
      summary: "List the masters",
      handler: viewer(context, async (limits) => ({ masters: await cluster.masters(limits) })),
    },
    {
      ...read,
      op: "tablet_list",
      path: "/v1/tablets",
      query: LIST_QUERY,
      summary: "List all tablets by id",
      handler: (request, reply) => listTablets(context, request, reply),
    },
    {
      ...read,
      op: "tablet_get",
      path: "/v1/tablets/{id}",
      summary: "Describe a tablet",
      handler: async (request, reply) => {
        const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
        const tablet = await cluster.tablet(tabletIdOf(request), limits);
        context.replies.json(reply, 200, renderTablet(tablet));
      },
    },
    {
      op: "tablet_verify",
      methods: ["POST"],
      path: "/v1/tablets/{id}:verify",
      summary: "Compare the rows of all replicas of a tablet at one log index",
      query: QUERY,
      body: "json",
      effect: "read",
      handler: async (request, reply) => {
        const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
        const id = tabletIdOf(request);
        const body = await context.bodies.optionalJson(request, reply, limits);
        onlyMembers(objectOf(body ?? {}, null), NO_MEMBERS, null);
        context.replies.json(reply, 200, JSON.stringify(await cluster.verify(id, limits)));
      },
    },
  ];
}

/** A call that shows what an operation gives. */
function viewer(context: RestContext, view: (limits: CallLimits) => Promise<object>): Handler {
  return async (request, reply) => {
    const limits = limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
    context.replies.json(reply, 200, JSON.stringify(await view(limits)));
  };
}

async function listTablets(
  context: RestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const query = queryOf(request, LIST_QUERY);
  const limits = limitsOf(context, reply, query, ADMIN_TIMEOUT_MS);
  const limit = query.integer("limit", { min: 1, max: LIMITS.pageRows }) ?? LIMITS.defaultPageRows;
  const fingerprint = fingerprintOf(["all-tablets"]);
  const token = query.text("pageToken");
  const position = token === null ? null : decodePageToken(token, fingerprint).position;
  const after = position === null ? null : position.toString("latin1");
  const page = await context.cluster.allTablets({ after, limit }, limits);
  const next =
    page.next === null
      ? ""
      : `,"nextPageToken":"${encodePageToken(fingerprint, {
          tableId: NO_TABLE,
          position: Buffer.from(page.next, "latin1"),
        })}"`;
  context.replies.json(reply, 200, `{"tablets":[${page.items.map(renderTablet).join()}]${next}}`);
}

/** The list spans all tables. */
const NO_TABLE = tableId(0);

/** Throws 404: what is no tablet's id names no tablet. */
function tabletIdOf(request: FastifyRequest): string {
  const id = pathParameter(request, "id");
  if (TABLET_ID.test(id)) return id;
  throw new DatabaseError({
    code: "TABLET_NOT_FOUND",
    detail: `there is no tablet ${JSON.stringify(id.slice(0, 100))}`,
  });
}
