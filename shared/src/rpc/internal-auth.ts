/**
 * Who may use the routes below `/internal/`: processes that show the cluster's token (when one is
 * configured) and speak of the same cluster. Everybody else gets 403, before the body is read.
 *
 * A process does not know its cluster before it has formed or joined one. Until then it says and
 * expects an empty id; only the routes that form and join a cluster let two sides differ.
 */
import { timingSafeEqual } from "node:crypto";

const TOKEN_HEADER = "x-stele-cluster-token";
const CLUSTER_HEADER = "x-stele-cluster";

export interface ClusterIdentity {
  /** Null: no token is asked for. */
  readonly token: string | null;
  /** Null: not known yet. */
  clusterId(): string | null;
}

/** `joining`: either side may not know its cluster yet; never may both know different ones. */
export type ClusterCheck = "same-cluster" | "joining";

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export function identityHeaders(identity: ClusterIdentity): Record<string, string> {
  const cluster = identity.clusterId() ?? "";
  if (identity.token === null) return { [CLUSTER_HEADER]: cluster };
  return { [CLUSTER_HEADER]: cluster, [TOKEN_HEADER]: identity.token };
}

/** Null: allowed; else why not, for the log of the side that refuses. */
export function refusalOf(
  identity: ClusterIdentity,
  headers: Headers,
  check: ClusterCheck,
): string | null {
  if (identity.token !== null && !isSameSecret(headers[TOKEN_HEADER], identity.token)) {
    return "the cluster token is missing or wrong";
  }
  const own = identity.clusterId() ?? "";
  const theirs = headers[CLUSTER_HEADER];
  if (theirs === own) return null;
  if (typeof theirs !== "string") return "the cluster id is missing";
  if (check === "joining" && (own === "" || theirs === "")) return null;
  return `the request is for cluster "${theirs}", this is cluster "${own}"`;
}

/** Takes the same time wherever the texts differ; that their lengths differ is no secret. */
function isSameSecret(given: string | readonly string[] | undefined, secret: string): boolean {
  if (typeof given !== "string") return false;
  const [theirs, own] = [Buffer.from(given), Buffer.from(secret)];
  return theirs.length === own.length && timingSafeEqual(theirs, own);
}
