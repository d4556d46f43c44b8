/** What an operator decides about the REST edge. */
export interface RestConfig {
  /** The address that the server listens on: on loopback, foreign Host headers are refused. */
  readonly boundHost: string;
  /** The origin whose pages may call the API, `*` for all; null: none. */
  readonly corsOrigin: string | null;
  /** Of all large request bodies in work together. */
  readonly heldBodyBytes: number;
  /** Headers must have arrived within it. */
  readonly headersTimeoutMs: number;
}

export const DEFAULT_REST_CONFIG: RestConfig = {
  boundHost: "127.0.0.1",
  corsOrigin: null,
  heldBodyBytes: 256 * 1024 * 1024,
  headersTimeoutMs: 10_000,
};
