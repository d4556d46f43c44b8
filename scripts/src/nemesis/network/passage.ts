/** What happens to bytes on their way from one process to another. */
export type Passage =
  | { readonly kind: "open" }
  /** They wait until the passage opens, as behind a short outage that retransmission bridges. */
  | { readonly kind: "held" }
  /** They vanish; a connection that lost some is reset when the passage opens. */
  | { readonly kind: "lost" }
  | {
      readonly kind: "slow";
      readonly delayMs: number;
      readonly bytesPerSecond: number;
    };

export const OPEN: Passage = { kind: "open" };
