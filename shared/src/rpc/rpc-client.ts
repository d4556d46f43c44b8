/**
 * The calling end of the control plane's routes. A call settles by its deadline at the latest, with
 * the typed result, the peer's `DatabaseError`, or a `ChannelFailure` when no proper answer came.
 * Nothing is retried here.
 */
import { z } from "zod";
import { MalformedFrameError } from "../bytes/malformed-frame-error.ts";
import type { Clock } from "../clock.ts";
import type { DatabaseError } from "../errors.ts";
import { decodeErrorBody } from "./error-body.ts";
import { ChannelFailure } from "./channel-contract.ts";
import type { Exchange } from "./exchange.ts";
import { DEADLINE_HEADER, MAX_CALL_MS } from "./rpc-route.ts";
import type { RequestOf, ResponseOf, RpcRoute } from "./rpc-route.ts";
import { openJson, openJsonText, sealJson } from "./sealed-json.ts";

const MAX_REPLY_BYTES = 64 * 1024 * 1024;

export interface CallOptions {
  /** On the local monotonic clock; at most `MAX_CALL_MS` from now counts. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

export class RpcClient {
  readonly #clock: Clock;
  readonly #exchange: Exchange;

  constructor(clock: Clock, exchange: Exchange) {
    this.#clock = clock;
    this.#exchange = exchange;
  }

  /** `url`: the origin of the peer process. Throws `DatabaseError` and `ChannelFailure`. */
  async call<Route extends RpcRoute>(
    url: string,
    route: Route,
    request: RequestOf<Route>,
    options: CallOptions,
  ): Promise<ResponseOf<Route>> {
    const body = sealJson(z.encode(route.request, request));
    const reply = await this.#post(url, route.path, body, options);
    if (reply.status === 200) return decodedResult(route, reply.body);
    const error = decodedError(reply.body);
    if (error !== null) throw error;
    const detail = `${route.path} answered with status ${reply.status}`;
    if (reply.status === 403) throw new ChannelFailure("rejected", "no", detail);
    if (reply.status === 503) throw new ChannelFailure("refused", "no", detail);
    throw new ChannelFailure("broken", "maybe", detail);
  }

  #post(url: string, path: string, body: Buffer, options: CallOptions): Promise<Reply> {
    const waitMs = Math.min(MAX_CALL_MS, options.deadlineMs - this.#clock.monotonicMs());
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (waitMs <= 0) {
        reject(new ChannelFailure("deadline", "no", "the deadline had passed before the call"));
        return;
      }
      if (signal?.aborted === true) {
        reject(new ChannelFailure("closed", "no", "the caller gave up before the call"));
        return;
      }
      let status = 0;
      let size = 0;
      const chunks: Buffer[] = [];
      const release = (): void => {
        cancelTimer();
        signal?.removeEventListener("abort", giveUp);
      };
      const fail = (failure: ChannelFailure): void => {
        release();
        abort();
        reject(failure);
      };
      const giveUp = (): void => fail(new ChannelFailure("closed", "maybe", "the caller gave up"));
      const cancelTimer = this.#clock.after(waitMs, () => {
        fail(new ChannelFailure("deadline", "maybe", `${path} did not answer in time`));
      });
      signal?.addEventListener("abort", giveUp);
      const headers = {
        [DEADLINE_HEADER]: String(Math.ceil(waitMs)),
      };
      const abort = this.#exchange.post(
        { url, path, body, headers },
        {
          head: (value) => (status = value),
          data: (chunk) => {
            size += chunk.length;
            chunks.push(chunk);
            if (size > MAX_REPLY_BYTES) {
              fail(new ChannelFailure("broken", "maybe", `${path} answers without end`));
            }
          },
          end: () => {
            release();
            resolve({ status, body: Buffer.concat(chunks) });
          },
          failed: (reason, sent, detail) => fail(new ChannelFailure(reason, sent, detail)),
        },
      );
    });
  }
}

function decodedResult<Route extends RpcRoute>(route: Route, body: Buffer): ResponseOf<Route> {
  let json: unknown;
  try {
    json = openJson(body);
  } catch (error) {
    if (!(error instanceof MalformedFrameError)) throw error;
    throw new ChannelFailure("broken", "maybe", `${route.path}: ${error.message}`);
  }
  const parsed = route.response.safeParse(json);
  if (parsed.success) return parsed.data as ResponseOf<Route>;
  const detail = `${route.path} answered in another shape: ${z.prettifyError(parsed.error)}`;
  throw new ChannelFailure("broken", "maybe", detail);
}

/** Null: it is none of a route, or is damaged. */
function decodedError(body: Buffer): DatabaseError | null {
  try {
    return decodeErrorBody(openJsonText(body));
  } catch (error) {
    if (!(error instanceof MalformedFrameError)) throw error;
    return null;
  }
}
