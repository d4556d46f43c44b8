/** Where routes are registered: an HTTP server, or a process of the simulated network. */
import type { RouteHandler, RpcRoute } from "@stele/shared/rpc/rpc-route.ts";

export interface RouteRegistrar {
  route<Route extends RpcRoute>(route: Route, handler: RouteHandler<Route>): void;
}
