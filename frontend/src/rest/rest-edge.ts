/**
 * What holds on every path: who may call, what there is to call, and how a request is refused.
 *
 * E1. The order of judgement: size (414, 431), Host (403), path (404), method (405), then the call's own input.
 * E2. An error that nobody expected is logged and shown as 500 INTERNAL; a broken invariant ends the
 *     process as well.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { InvariantError } from "@stele/shared/assert.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { DatabaseErrorBody } from "@stele/shared/errors.ts";
import { announcesBody } from "./body-reader.ts";
import { answerPreflight, isPreflight } from "./cors.ts";
import { drained } from "./drain.ts";
import { HostCheck, isLoopback } from "./host-check.ts";
import { invalidInput } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";
import { expectedError, writeError } from "./problem-json.ts";
import type { RestConfig } from "./rest-config.ts";
import type { Handler, RestContext } from "./rest-context.ts";
import { reportUnexpected } from "./unexpected-error.ts";
import { pathNotFound, pathPattern } from "./route.ts";
import type { Route } from "./route.ts";

/** What holds on every path: who may call, what there is to call, and how it is refused. */
export class RestEdge {
  readonly #context: RestContext;
  readonly #paths: ReadonlyMap<string, PathMethods>;
  readonly #hostCheck: HostCheck | null;
  readonly #answersPreflights: boolean;

  constructor(context: RestContext, routes: readonly Route[], config: RestConfig) {
    this.#context = context;
    this.#paths = methodsByPath(routes);
    this.#hostCheck = isLoopback(config.boundHost) ? new HostCheck() : null;
    this.#answersPreflights = config.corsOrigin !== null;
  }

  /** The first hook of every request. */
  admit(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    try {
      refuseLongHead(request);
      refuseExpectation(request.raw.headers.expect);
      this.#hostCheck?.check(request.raw.headers.host);
    } catch (error) {
      this.refuse(reply, error, "read");
      return;
    }
    if (!request.is404) done();
    else if (this.#answersPreflights && isPreflight(request)) {
      answerPreflight(this.#context.replies, reply);
    } else this.refuseUnmatched(request, reply);
  }

  /** The handler of a route that takes no body, when one is sent, refuses it. */
  guarded(route: Route): Handler {
    if (route.body !== "none") return route.handler;
    return async (request, reply) => {
      if (announcesBody(request.raw)) {
        const detail = "the call takes no body";
        throw new DatabaseError({ code: "INVALID_REQUEST", detail });
      }
      await route.handler(request, reply);
    };
  }

  /** 405 where the path takes another method, else 404. */
  refuseUnmatched(request: FastifyRequest, reply: FastifyReply): void {
    const path = (request.raw.url ?? "").split("?", 1)[0] ?? "";
    for (const { pattern, methods } of this.#paths.values()) {
      if (!pattern.test(path)) continue;
      const detail = `the path takes ${methods.join(", ")}, not ${request.raw.method ?? ""}`;
      this.#refuseWith(reply, { code: "METHOD_NOT_ALLOWED", detail, allow: methods });
      return;
    }
    this.#refuseWith(reply, pathNotFound(path).body);
  }

  /** Turns whatever a request failed with into its reply. A broken invariant ends the process. */
  refuse(reply: FastifyReply, error: unknown, effect: Route["effect"]): void {
    const expected = expectedError(error);
    if (reply.raw.destroyed && !(error instanceof InvariantError)) {
      this.#context.log.debug({ error, requestId: reply.request.id }, "a client went away");
      return;
    }
    if (expected === null) reportUnexpected(this.#context, reply.request.id, error);
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const body = expected ?? INTERNAL;
    this.#refuseWith(reply, effect === "write" ? writeError(body) : body);
  }

  #refuseWith(reply: FastifyReply, body: DatabaseErrorBody): void {
    const { clock, replies } = this.#context;
    const { raw } = reply.request;
    if (raw.complete || !announcesBody(raw)) replies.problem(reply, body);
    else {
      replies.problemBeforeEnd(reply, body);
      void drained(raw, clock, DRAIN_BYTES).then(() => reply.raw.end());
    }
  }
}

/** A refused body is read on for so many bytes. */
const DRAIN_BYTES = 64 * 1024 * 1024;

const INTERNAL: DatabaseErrorBody = {
  code: "INTERNAL",
  detail: "the server failed; its log says more",
};

/** Only `100-continue` is met, by the HTTP layer itself. */
function refuseExpectation(expect: string | undefined): void {
  if (expect === undefined || expect.toLowerCase() === "100-continue") return;
  throw invalidInput("Expect", "must be 100-continue", "INVALID_REQUEST");
}

/** Throws 414 or 431 where URL and headers pass the published limit. */
function refuseLongHead({ raw, originalUrl }: FastifyRequest): void {
  const limit = LIMITS.urlAndHeaderBytes;
  if (originalUrl.length > limit) {
    const detail = `the URL has ${originalUrl.length} bytes, at most ${limit}`;
    throw new DatabaseError({
      code: "URI_TOO_LONG",
      detail,
      hint: "use the POST form of the call",
    });
  }
  let bytes = originalUrl.length;
  for (const text of raw.rawHeaders) bytes += text.length;
  if (bytes > limit) {
    const detail = `URL and headers have ${bytes} bytes, at most ${limit}`;
    throw new DatabaseError({ code: "HEADERS_TOO_LARGE", detail });
  }
}

interface PathMethods {
  readonly pattern: RegExp;
  readonly methods: readonly string[];
}

function methodsByPath(routes: readonly Route[]): ReadonlyMap<string, PathMethods> {
  const paths = new Map<string, PathMethods>();
  for (const { path, methods } of routes) {
    const known = paths.get(path)?.methods ?? [];
    paths.set(path, { pattern: pathPattern(path), methods: [...known, ...methods] });
  }
  return paths;
}
