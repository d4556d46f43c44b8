/**
 * What the administrative calls of the REST API answer (docs/REST_API.md), in the exact shape
 * of their JSON, except that row keys are still bytes: the REST edge spells those.
 */
export interface FamilyRuleView {
  readonly maxVersions: number | null;
  readonly maxAgeSeconds: null;
}

export interface TableView {
  readonly name: string;
  readonly id: string;
  readonly families: Readonly<Record<string, FamilyRuleView>>;
  readonly partitioning: "range";
  readonly replicas: number;
  readonly tablets: number;
  readonly deletionProtection: boolean;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
}

export interface ReplicaView {
  /** The operator's name of the server. */
  readonly server: string;
  readonly role: "leader" | "follower" | "learner" | "leaving";
  /** Log entries behind the leader; null: unknown. */
  readonly lag: number | null;
}

export interface TabletView {
  readonly id: string;
  readonly table: string;
  /** Inclusive; null: from the first key. */
  readonly start: Buffer | null;
  /** Exclusive; null: to the last key. */
  readonly end: Buffer | null;
  readonly generation: number;
  /** A server name, or null: no leader is known. */
  readonly leader: string | null;
  readonly replicas: readonly ReplicaView[];
  /** Estimates. */
  readonly sizeBytes: number;
  readonly rows: number;
}

export interface ServerView {
  readonly id: string;
  readonly serverId: string;
  readonly url: string;
  readonly state: "live" | "silent" | "gone";
  /** Milliseconds since the last heartbeat; null: never seen by this master. */
  readonly lastSeenMs: number | null;
  readonly replicas: number;
  readonly leaders: number;
  readonly sizeBytes: number;
}

export interface MasterView {
  readonly id: string;
  readonly serverId: string;
  readonly url: string;
  readonly role: "leader" | "follower" | "unreachable";
  readonly term: number | null;
}

export interface StatusReason {
  readonly code: string;
  readonly detail: string;
  /** What the operator can do next. */
  readonly next: string;
}

export interface StatusView {
  readonly status: "green" | "yellow" | "red";
  readonly reasons: readonly StatusReason[];
}

export interface VerifyView {
  /** The log index at which the replicas were compared. */
  readonly index: number;
  readonly equal: boolean;
  readonly replicas: readonly {
    readonly server: string;
    readonly rows: number;
    readonly hash: string;
  }[];
}

export interface CreateTable {
  readonly name: string;
  readonly families: Readonly<Record<string, { readonly maxVersions: number | null }>>;
  /** Sorted, distinct, each a valid row key. */
  readonly splitKeys: readonly Buffer[];
  /** Null: 3, or 1 with fewer than 3 live servers. */
  readonly replicas: 1 | 3 | 5 | null;
  readonly deletionProtection: boolean;
  readonly idempotencyKey: string | null;
}
