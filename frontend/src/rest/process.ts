/** What every process of a cluster answers about itself, and what the API says about itself. */
import type { Metrics } from "@stele/shared/metrics.ts";
import { LIMITS } from "./limits.ts";
import { limitsOf, queryOf } from "./rest-context.ts";
import type { Handler, RestContext } from "./rest-context.ts";
import { ADMIN_TIMEOUT_MS } from "./limits.ts";
import type { Route } from "./route.ts";

const QUERY: ReadonlySet<string> = new Set(["timeout"]);

export type Readiness =
  | { readonly kind: "ready" }
  /** Starting or draining: what it waits for. */
  | { readonly kind: "not-ready"; readonly reason: string };

export interface ProcessVersion {
  readonly version: string;
  /** The process's name in the cluster: `frontend1`. */
  readonly id: string;
}

export interface ProcessState {
  readonly version: ProcessVersion;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
  /** The OpenAPI document, as JSON text. */
  readonly openApi: () => string;
}

export function processRoutes(context: RestContext, process: ProcessState): readonly Route[] {
  const read = { methods: ["GET"], query: QUERY, body: "none", effect: "read" } as const;
  const version = JSON.stringify({ name: "stele", role: "frontend", ...process.version });
  const { replies } = context;
  const answer = (body: () => string): Handler =>
    async function answerOwnState(request, reply) {
      limitsOf(context, reply, queryOf(request, QUERY), ADMIN_TIMEOUT_MS);
      replies.json(reply, 200, body());
    };
  return [
    {
      ...read,
      op: "limits",
      path: "/v1/limits",
      summary: "The limits of this API",
      handler: answer(() => JSON.stringify(LIMITS)),
    },
    {
      ...read,
      op: "openapi",
      path: "/v1/openapi.json",
      summary: "This API as an OpenAPI 3.1 document",
      handler: answer(process.openApi),
    },
    {
      ...read,
      op: "version",
      path: "/v1/version",
      summary: "Name, version and role of this process",
      handler: answer(() => version),
    },
    {
      ...read,
      op: "healthz",
      path: "/healthz",
      summary: "Whether this process runs",
      handler: answer(() => '{"status":"ok"}'),
    },
    {
      ...read,
      op: "readyz",
      path: "/readyz",
      summary: "Whether this process can serve; 503 while it starts or drains",
      handler: async (request, reply) => {
        queryOf(request, QUERY);
        const readiness = process.readiness();
        if (readiness.kind === "ready") replies.json(reply, 200, '{"status":"ready"}');
        else replies.problem(reply, { code: "UNAVAILABLE", detail: readiness.reason });
      },
    },
    {
      ...read,
      op: "metrics",
      path: "/metrics",
      summary: "Metrics in the text format of Prometheus",
      handler: async (request, reply) => {
        queryOf(request, QUERY);
        const { metrics } = process;
        replies.body(reply, 200, metrics.contentType, await metrics.render());
      },
    },
  ];
}
