/**
 * Compares the replicas of a tablet. Asked of the server of the tablet's leader, which makes every replica hash its
 * data as of one log entry and gathers the hashes from the replicas' servers.
 */
import { z } from "zod";
import { defineRoute } from "../rpc/rpc-route.ts";

const id = z.int().nonnegative();

/** Front-end to the leader's server. */
export const verifyRoute = defineRoute({
  path: "/internal/tablets/verify",
  request: z.strictObject({ tabletId: id }),
  response: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("verified"),
      /** The log index at which the replicas were compared. */
      index: id,
      equal: z.boolean(),
      replicas: z.array(z.strictObject({ server: z.string(), rows: id, hash: z.string() })),
    }),
    /** `leader`: the server of the replica that leads, as far as this one knows. */
    z.strictObject({ kind: z.literal("not-leader"), leader: z.uuid().nullable() }),
    z.strictObject({ kind: z.literal("not-here") }),
  ]),
});

/** The leader's server to each replica's: waits until the entry is applied there and its data hashed. */
export const tabletHashRoute = defineRoute({
  path: "/internal/tablets/hash",
  request: z.strictObject({ tabletId: id, verifyId: id }),
  response: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("hashed"),
      server: z.string(),
      index: id,
      rows: id,
      hash: z.string(),
    }),
    z.strictObject({ kind: z.literal("unknown") }),
  ]),
});
