/**
 * What masters tell of themselves, what they say to each other to form a cluster, and the look-up of tablets.
 *
 * Hello: who are you, which cluster, who leads? Asked by other masters, and by front-ends to follow the masters.
 *
 * Forming: each bootstrapping master has its own list of the same urls. The one whose url sorts first mints
 * a proposal; see master/src/forming for the protocol.
 */
import { z } from "zod";
import { defineRoute } from "../rpc/rpc-route.ts";
import { addressEntries } from "./address-entry.ts";
import { lookUpReplySchema, lookUpRequestSchema } from "./tablet-map.ts";

/** `empty`: has a data directory without a cluster, and waits to form one. `accepted`: holds a proposal. */
const formingState = z.enum(["empty", "accepted", "formed"]);

export const helloRoute = defineRoute({
  path: "/internal/master/hello",
  check: "joining",
  request: z.strictObject({
    /** Set when a master asks: the two exchange what they know of the masters. */
    masters: addressEntries.nullable(),
  }),
  response: z.strictObject({
    serverId: z.uuid(),
    name: z.string(),
    url: z.string(),
    state: formingState,
    /** Null while the cluster is still forming: ask again. */
    clusterId: z.string().nullable(),
    /** Of the accepted proposal. */
    proposedClusterId: z.string().nullable(),
    leaderUrl: z.string().nullable(),
    term: z.int().nonnegative(),
    masters: addressEntries,
  }),
});
export type HelloReply = z.output<typeof helloRoute.response>;

/** The first members of the catalog's group: the same on every master, replica 1 at the first url. */
export const formingProposalSchema = z.strictObject({
  clusterId: z.uuid(),
  members: z
    .array(
      z.strictObject({
        replicaId: z.int().min(1),
        serverId: z.uuid(),
        name: z.string(),
        url: z.string(),
      }),
    )
    .min(1),
});
export type FormingProposal = z.infer<typeof formingProposalSchema>;

const verdict = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("done") }),
  z.strictObject({ kind: z.literal("refused"), detail: z.string() }),
]);

/** The master holds the proposal durably and will never accept another one. */
export const acceptProposalRoute = defineRoute({
  path: "/internal/master/accept",
  check: "joining",
  request: formingProposalSchema,
  response: verdict,
});

/** Every member has accepted: create the catalog's replica. */
export const commitProposalRoute = defineRoute({
  path: "/internal/master/commit",
  check: "joining",
  request: z.strictObject({ clusterId: z.uuid() }),
  response: verdict,
});

export const lookUpRoute = defineRoute({
  path: "/internal/map/look-up",
  request: lookUpRequestSchema,
  response: lookUpReplySchema,
});
