/**
 * Puts a route of the control plane onto an `HttpServer`, which has checked the cluster by then and
 * leaves the body unparsed.
 */
import type { FastifyInstance } from "fastify";
import { ResponseSink } from "./exchange-listener.adapter.ts";
import { routeEndpoint } from "./rpc-route.ts";
import type { RouteEnvironment, RouteHandler, RpcRoute } from "./rpc-route.ts";

export function registerRoute<Route extends RpcRoute>(
  app: FastifyInstance,
  route: Route,
  handler: RouteHandler<Route>,
  environment: RouteEnvironment,
): void {
  const endpoint = routeEndpoint(route, handler, environment);
  const config = { clusterCheck: route.check ?? "same-cluster" };
  app.post(route.path, { config }, (request, reply) => {
    reply.hijack();
    const sink = new ResponseSink(reply.raw);
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    sink.onGone(endpoint(body, sink, request.headers));
  });
}
