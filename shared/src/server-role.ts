/** The kinds of processes that make up a cluster. Stored on disk and sent on the wire: never rename. */
export const SERVER_ROLES = ["master", "tablet-server", "frontend"] as const;
export type ServerRole = (typeof SERVER_ROLES)[number];
