/**
 * The REST API as a fastify server: routes over the typed operations, and the rules that hold on every
 * path.
 *
 * S1. Every reply, those of fastify and of the HTTP parser included, has a request id, and every error
 *     is `application/problem+json`.
 * S2. The order of judgement: Host, path (404), method (405), then the call's own input.
 * S3. Nothing of a URL is normalised: see `path-octets.ts`.
 */
import Fastify from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply } from "fastify";
import type { Clock } from "@stele/shared/clock.ts";
import type { Log } from "@stele/shared/log.ts";
import type { Metrics } from "@stele/shared/metrics.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ClusterOperations, RowOperations, TableOperations } from "../operations.ts";
import { BodyReader } from "./body-reader.ts";
import { answerClientError } from "./client-error.ts";
import { corsHeaders } from "./cors.ts";
import { LIMITS } from "./limits.ts";
import { routableUrl } from "./path-octets.ts";
import type { ProcessVersion, Readiness } from "./process.ts";
import { ReplyWriter } from "./reply-writer.ts";
import { RequestIds } from "./request-ids.ts";
import { RequestMetrics } from "./request-metrics.ts";
import type { RestConfig } from "./rest-config.ts";
import type { RestContext } from "./rest-context.ts";
import { RestEdge } from "./rest-edge.ts";
import { routerPath } from "./route.ts";
import { restRoutes } from "./routes.ts";

export interface RestServerOptions {
  readonly rows: RowOperations;
  readonly tables: TableOperations;
  readonly cluster: ClusterOperations;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly config: RestConfig;
  readonly version: ProcessVersion;
  readonly readiness: () => Readiness;
}

/** Longer than clients keep idle connections, so that the client is the one to close. */
const KEEP_ALIVE_MS = 72_000;

/** A server that is not listening yet. */
export function createRestServer(options: RestServerOptions): FastifyInstance {
  const { clock, config, log } = options;
  const replies = new ReplyWriter(["Vary", "Accept", ...corsHeaders(config.corsOrigin)]);
  const bodies = new BodyReader(clock, config.heldBodyBytes);
  const context: RestContext = { ...options, replies, bodies };
  const requestMetrics = new RequestMetrics(options.metrics);
  const requestIds = new RequestIds(options.random);
  const routes = restRoutes(context, options);
  const edge = new RestEdge(context, routes, config);

  const server = Fastify({
    exposeHeadRoutes: false,
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: () => requestIds.next(),
    keepAliveTimeout: KEEP_ALIVE_MS,
    rewriteUrl: (request) => routableUrl(request.url ?? "/"),
    routerOptions: {
      maxParamLength: LIMITS.urlAndHeaderBytes * 5,
      // Handlers read the query themselves: strictly, and as octets.
      querystringParser: (text) => text as unknown as Record<string, unknown>,
    },
    http: {
      // Above the published limit, which the edge checks: the parser cannot tell URL from headers.
      maxHeaderSize: LIMITS.urlAndHeaderBytes * 4,
      headersTimeout: config.headersTimeoutMs,
      requestTimeout: 0,
      connectionsCheckingInterval: 1000,
    },
    frameworkErrors: (error, _request, reply) => edge.refuse(reply as FastifyReply, error, "read"),
    clientErrorHandler: (error, socket) => {
      const status = answerClientError(error, socket, requestIds.next());
      if (status !== null) requestMetrics.countMalformed(status);
    },
  });
  // Without a listener the HTTP layer answers 417 by itself.
  server.server.on("checkExpectation", (request, response) => server.routing(request, response));
  server.addHook("onRequest", (request, reply, done) => edge.admit(request, reply, done));
  server.setNotFoundHandler(
    { onResponse: requestMetrics.observer("unmatched") } as object,
    (request, reply) => edge.refuseUnmatched(request, reply),
  );
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    edge.refuse(reply, error, "read");
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  for (const route of routes) {
    server.route({
      method: [...route.methods],
      url: routerPath(route.path),
      handler: edge.guarded(route),
      onResponse: requestMetrics.observer(route.op),
      errorHandler: (error, _request, reply) => edge.refuse(reply, error, route.effect),
    });
  }
  log.debug({ routes: routes.length }, "REST routes registered");
  return server;
}
