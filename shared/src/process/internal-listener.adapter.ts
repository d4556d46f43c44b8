/** A server's internal service over HTTP. */
import { exchangeListener, type HttpListener } from "../rpc/exchange-listener.adapter.ts";
import { registerStreamRoute } from "../rpc/frame-stream.adapter.ts";
import { HttpServer } from "../rpc/http-server.adapter.ts";
import type { ClusterIdentity } from "../rpc/internal-auth.ts";
import { registerRoute } from "../rpc/register-route.ts";
import type { RouteEnvironment } from "../rpc/rpc-route.ts";
import type { ServerRole } from "../server-role.ts";
import { VERSION } from "../version.ts";
import type { InternalService, Listening, MemberWorld } from "./server-world.ts";

/** A frame with one largest entry, or one largest row. */
const MAX_BATCH_BODY_BYTES = 17 * 1024 * 1024;

export interface InternalListenerOptions {
  readonly role: ServerRole;
  readonly member: Pick<MemberWorld, "clock" | "log"> & { readonly identity: ClusterIdentity };
  readonly address: { readonly host: string; readonly port: number };
  readonly service: InternalService;
}

/** Throws what `listen` throws, EADDRINUSE above all. */
export async function listenInternally(options: InternalListenerOptions): Promise<Listening> {
  const { role, address, service } = options;
  const { clock, identity, log } = options.member;
  const environment: RouteEnvironment = {
    clock,
    unexpected: (error, path) => log.error({ error, path }, "a route failed"),
  };
  const listeners = new Map<string, HttpListener>();
  // The exchanges stand beside the server's routes, so they have to be there before it.
  const onServer: ((server: HttpServer) => void)[] = [];
  service.register({
    exchange: (path, handler) => {
      const listener = { identity, maxBodyBytes: MAX_BATCH_BODY_BYTES, handler };
      listeners.set(path, exchangeListener(listener));
    },
    stream: (path, handler) => {
      onServer.push(({ app }) => registerStreamRoute(app, path, handler, environment));
    },
    route: (route, handler) => {
      onServer.push(({ app }) => registerRoute(app, route, handler, environment));
    },
  });
  const server = new HttpServer({
    clock,
    identity,
    role,
    version: VERSION,
    unreadyReason: service.unreadyReason,
    metrics: service.metrics,
    listeners,
    unexpected: environment.unexpected,
  });
  for (const register of onServer) register(server);
  await server.listen(address.host, address.port);
  return server;
}
