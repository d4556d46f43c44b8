import { ChannelFailure } from "./channel-contract.ts";

/** A server answers with another status than 200 only before it hands a call to its handler. */
export function failureOfStatus(status: number): ChannelFailure {
  const detail = `the server answered with status ${status}`;
  if (status === 429) return new ChannelFailure("overloaded", "no", detail);
  if (status === 503) return new ChannelFailure("refused", "no", detail);
  if (status >= 400 && status < 500) return new ChannelFailure("rejected", "no", detail);
  return new ChannelFailure("broken", "maybe", detail);
}
