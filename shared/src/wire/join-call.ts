/**
 * The first words of a tablet server or front-end to any master: which cluster is this? Asked until answered, and
 * kept in the data directory; afterwards both sides refuse those of another cluster.
 */
import { z } from "zod";
import { defineRoute } from "../rpc/rpc-route.ts";

export const joinRoute = defineRoute({
  path: "/internal/join",
  check: "joining",
  request: z.strictObject({}),
  /** Null: the masters have not formed their cluster yet. */
  response: z.strictObject({ clusterId: z.string().nullable() }),
});
