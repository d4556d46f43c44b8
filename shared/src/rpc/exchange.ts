/**
 * One request and its streamed reply between two processes: all that the batch channel and the Raft
 * transport know of HTTP. `http-exchange.adapter.ts` and `exchange-listener.adapter.ts` are the
 * real ends, `testing/memory-network.ts` the simulated ones.
 */
export interface ExchangeRequest {
  /** Origin of the peer process, `http://host:port`. */
  readonly url: string;
  /** Below `/internal/`. */
  readonly path: string;
  readonly body: Buffer;
  /** Beside those that every request carries. Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type ExchangeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * What happens to a request: `head`, then any number of `data`, then `end`; or `failed` at any
 * point.
 */
export interface ExchangeEvents {
  head(status: number): void;
  data(chunk: Buffer): void;
  end(): void;
  /** `refused`: no connection was made. `sent: "no"`: no byte of the request left this process. */
  failed(reason: "refused" | "broken", sent: "no" | "maybe", detail: string): void;
}

/** Gives the request up: the connection is closed, and no event follows. */
export type AbortExchange = () => void;

export interface Exchange {
  /** Events come in later turns, never before `post` returned. */
  post(request: ExchangeRequest, events: ExchangeEvents): AbortExchange;
}

/** Where the serving end writes. Chunks must not be changed afterwards. */
export interface ReplySink {
  /** The status and the whole reply at once; alone. */
  answer(status: number, body: Buffer): void;
  /**
   * More of a reply with status 200; the first call sends the headers, also without chunks. `taken`
   * is called, in a later turn, when the network took the last of the chunks; never when the client
   * is gone.
   */
  write(chunks: readonly Buffer[], taken?: () => void): void;
  /** The last of it. */
  end(chunks: readonly Buffer[]): void;
}

/** Called when the client is gone before the reply ended; the sink is dead from then on. */
export type ClientGone = () => void;

/** The serving end of one path: takes a whole body and answers, at once or in any later turn. */
export type ExchangeHandler = (
  body: Buffer,
  sink: ReplySink,
  headers: ExchangeHeaders,
) => ClientGone;
