/** How much a batch channel sends at a time, and how much it holds (batch-channel.ts). */
export interface BatchChannelLimits {
  /** Requests that wait for reply headers. */
  readonly slots: number;
  /** A request takes calls until it has so many, or so many bytes; a larger call goes alone. */
  readonly requestCalls: number;
  readonly requestBytes: number;
  /** Waiting to be sent. */
  readonly queuedBytes: number;
  /** Waiting to be sent or to be answered. */
  readonly openCalls: number;
  /** Of answers that come in parts; one alone may have more. */
  readonly replyBytes: number;
  /** A server that sends no reply headers for so long is taken for dead. */
  readonly headersTimeoutMs: number;
}

export const BATCH_CHANNEL_LIMITS: BatchChannelLimits = {
  slots: 3,
  requestCalls: 1024,
  requestBytes: 1024 * 1024,
  queuedBytes: 64 * 1024 * 1024,
  openCalls: 16_384,
  replyBytes: 256 * 1024 * 1024,
  headersTimeoutMs: 5_000,
};
