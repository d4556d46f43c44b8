/**
 * A call of the control plane: a POST of JSON (sealed-json.ts) to a path below `/internal/`, whose request and
 * response have a zod schema each. Schemas may be codecs: both sides then work with the decoded
 * form.
 *
 * P1. A body that its schema does not take is INVALID_REQUEST and reaches no handler.
 * P2. A handler ends by its result, a `DatabaseError`, or its deadline. What else it throws is a
 *     bug: the caller gets INTERNAL without details, and the environment hears of it.
 * P3. A damaged body is nobody's fault: UNAVAILABLE, to be sent again.
 */
import { z } from "zod";
import { InvariantError } from "../assert.ts";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { Clock } from "../clock.ts";
import { DatabaseError } from "../errors.ts";
import { encodeErrorBody } from "./error-body.ts";
import { ChannelFailure } from "./channel-contract.ts";
import type { ExchangeHandler, ExchangeHeaders } from "./exchange.ts";
import type { ClusterCheck } from "./internal-auth.ts";
import { openJson, sealJsonText } from "./sealed-json.ts";

/** Milliseconds that the caller will wait from now on, as a decimal integer. */
export const DEADLINE_HEADER = "x-stele-deadline-ms";

const DAMAGED_RETRY_MS = 50;

/** The longest wait, for long polls. */
export const MAX_CALL_MS = 60_000;

export interface RpcRoute<
  Request extends z.ZodType = z.ZodType,
  Response extends z.ZodType = z.ZodType,
> {
  readonly path: `/internal/${string}`;
  readonly request: Request;
  readonly response: Response;
  /** Default: `same-cluster`. */
  readonly check?: ClusterCheck;
}

export type RequestOf<Route extends RpcRoute> = z.output<Route["request"]>;
export type ResponseOf<Route extends RpcRoute> = z.output<Route["response"]>;

export interface RouteCall {
  /** On the local monotonic clock. */
  readonly deadlineMs: number;
  /** Aborted when the caller left or the deadline passed. */
  readonly signal: AbortSignal;
}

export type RouteHandler<Route extends RpcRoute> = (
  request: RequestOf<Route>,
  call: RouteCall,
) => Promise<ResponseOf<Route>>;

export interface RouteEnvironment {
  readonly clock: Clock;
  /** Hears of errors that a handler must not raise; for the log. */
  readonly unexpected: (error: unknown, path: string) => void;
}

export interface RouteAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** For the types: the route itself. */
export function defineRoute<Request extends z.ZodType, Response extends z.ZodType>(
  route: RpcRoute<Request, Response>,
): RpcRoute<Request, Response> {
  return route;
}

/** The serving end of a route. */
export function routeEndpoint<Route extends RpcRoute>(
  route: Route,
  handler: RouteHandler<Route>,
  environment: RouteEnvironment,
): ExchangeHandler {
  return (body, sink, headers) => {
    const { clock } = environment;
    const aborter = new AbortController();
    let over = false;
    const finish = ({ status, body: reply }: RouteAnswer): void => {
      if (over) return;
      over = true;
      cancelDeadline();
      sink.answer(status, sealJsonText(reply));
    };
    const waitMs = remainingMs(headers);
    const deadlineMs = clock.monotonicMs() + waitMs;
    const cancelDeadline = clock.after(waitMs, () => {
      finish(failed(new DatabaseError({ code: "DEADLINE", detail: "no result in time" })));
      aborter.abort();
    });
    const call = { deadlineMs, signal: aborter.signal };
    void answer(route, handler, body, call)
      .catch((error: unknown) => answerToError(error, route.path, environment))
      .then(finish);
    return () => {
      over = true;
      cancelDeadline();
      aborter.abort();
    };
  };
}

async function answer<Route extends RpcRoute>(
  route: Route,
  handler: RouteHandler<Route>,
  body: Buffer,
  call: RouteCall,
): Promise<RouteAnswer> {
  const parsed = route.request.safeParse(openRequest(body));
  if (!parsed.success) throw invalidRequest(parsed.error);
  const result = await handler(parsed.data as RequestOf<Route>, call);
  const json = JSON.stringify(z.encode(route.response, result));
  return { status: 200, body: Buffer.from(json) };
}

/** What the caller hears when a handler throws. */
export function answerToError(
  error: unknown,
  path: string,
  environment: RouteEnvironment,
): RouteAnswer {
  if (error instanceof DatabaseError) return failed(error);
  if (error instanceof MalformedFrameError) {
    return failed(new DatabaseError({ code: "INVALID_REQUEST", detail: error.message }));
  }
  if (error instanceof ChannelFailure) {
    return failed(new DatabaseError({ code: "UNAVAILABLE", detail: error.message }));
  }
  environment.unexpected(error, path);
  if (error instanceof InvariantError) {
    // Thrown outside the promise, so that it ends the process and is no mere rejection.
    environment.clock.soon(() => {
      throw error;
    });
  }
  return failed(new DatabaseError({ code: "INTERNAL", detail: "the call failed" }));
}

function failed(error: DatabaseError): RouteAnswer {
  return { status: error.status, body: encodeErrorBody(error.body) };
}

/** P3. */
function openRequest(body: Buffer): unknown {
  try {
    return openJson(body);
  } catch (error) {
    if (!(error instanceof MalformedFrameError)) throw error;
    throw new DatabaseError({
      code: "UNAVAILABLE",
      detail: `the request did not arrive whole: ${error.message}`,
      applied: "no",
      retryAfterMs: DAMAGED_RETRY_MS,
    });
  }
}

function invalidRequest(error: z.ZodError): DatabaseError {
  const errors = error.issues.map(({ path, message }) => ({
    pointer: path.map((step) => `/${String(step)}`).join(""),
    detail: message,
  }));
  const detail = "the body does not have the shape that the route takes";
  return new DatabaseError({ code: "INVALID_REQUEST", detail, errors });
}

/** A header that is no number asks for the longest wait: the caller watches its deadline itself. */
function remainingMs(headers: ExchangeHeaders): number {
  const given = Number(headers[DEADLINE_HEADER]);
  return given >= 0 && given <= MAX_CALL_MS ? given : MAX_CALL_MS;
}
