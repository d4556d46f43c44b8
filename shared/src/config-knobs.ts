/**
 * Every knob of the server processes: its flag is the name in kebab case, its variable `STELE_` and the
 * name in upper snake case. Units are part of the names. Whatever is not here is a constant, on purpose.
 */
import {
  bytes,
  count,
  directory,
  file,
  listenAddress,
  logLevel,
  milliseconds,
  scale,
  serverName,
  showBytes,
  url,
  urls,
} from "./config-values.ts";
import type { ListenAddress, ValueKind } from "./config-values.ts";
import type { LogLevel } from "./log.ts";
import type { ServerRole } from "./server-role.ts";

export interface ServerConfig {
  readonly dataDir: string;
  readonly name: string | null;
  readonly listen: ListenAddress;
  readonly advertise: string | null;
  readonly masters: readonly string[];
  readonly clusterTokenFile: string | null;
  readonly logLevel: LogLevel;
  readonly timingScale: number;
  readonly segmentBytes: number;
  readonly retainedLogBytes: number;
  /** Null: the larger of `segmentBytes` and `writeBufferBytes`. */
  readonly checkpointBytes: number | null;
  readonly checkpointIntervalMs: number;
  readonly maxUnappliedBytes: number;
  readonly payloadCacheBytes: number;
  readonly writeBufferBytes: number;
  readonly storeCacheBytes: number;
  readonly rowCacheBytes: number;
  readonly idempotencyTtlMs: number;
  readonly serverSilentMs: number;
  readonly serverGoneMs: number;
  readonly expectTabletServers: number;
}

/** What holds when neither flag nor variable is given, shown in the help text as `shown`. */
type Default<T> =
  | { readonly kind: "value"; readonly value: T; readonly shown: string }
  /** Depends on the role. */
  | { readonly kind: "by-role"; readonly of: (role: ServerRole) => T; readonly shown: string }
  | { readonly kind: "required" };

export interface Knob<T> {
  readonly value: ValueKind<NonNullable<T>>;
  readonly default: Default<T>;
  /** One sentence. */
  readonly description: string;
  /** Which processes look at it. */
  readonly roles: readonly ServerRole[];
}

export type Knobs = { readonly [Name in keyof ServerConfig]: Knob<ServerConfig[Name]> };

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const ALL: readonly ServerRole[] = ["master", "tablet-server", "frontend"];
const REPLICATED: readonly ServerRole[] = ["master", "tablet-server"];

/** As the local launcher numbers them. */
const DEFAULT_PORTS: Readonly<Record<ServerRole, number>> = {
  frontend: 7070,
  master: 7080,
  "tablet-server": 7090,
};

const none = (shown: string): Default<null> => ({ kind: "value", value: null, shown });
const size = (value: number): Default<number> => ({
  kind: "value",
  value,
  shown: showBytes(value),
});
const number = (value: number): Default<number> => ({ kind: "value", value, shown: String(value) });

export const KNOBS: Knobs = {
  dataDir: {
    value: directory,
    default: { kind: "required" },
    description: "Where the server keeps its identity and its data; made if missing.",
    roles: ALL,
  },
  name: {
    value: serverName,
    default: none("as in the data directory, else made up"),
    description: "The operator's name of the server, which stays when its disk is replaced.",
    roles: ALL,
  },
  listen: {
    value: listenAddress,
    default: {
      kind: "by-role",
      of: (role) => ({ host: "127.0.0.1", port: DEFAULT_PORTS[role] }),
      shown: "127.0.0.1 and port 7070 (frontend), 7080 (master), 7090 (tablet-server)",
    },
    description: "The address to serve on; port 0 takes a free one.",
    roles: ALL,
  },
  advertise: {
    value: url,
    default: none("http:// and the listen address"),
    description: "The URL under which the other servers reach this one.",
    roles: ALL,
  },
  masters: {
    value: urls,
    default: {
      kind: "value",
      value: [],
      shown: "those in the data directory's address book",
    },
    description: "URLs of the masters; one that answers is enough to find the others.",
    roles: ALL,
  },
  clusterTokenFile: {
    value: file,
    default: none("none; allowed on a loopback address only"),
    description: "A file whose contents every server of the cluster must show to the others.",
    roles: ALL,
  },
  logLevel: {
    value: logLevel,
    default: { kind: "value", value: "info", shown: "info" },
    description: "The least important lines to log.",
    roles: ALL,
  },
  timingScale: {
    value: scale,
    default: number(1),
    description: "Stretches every duration of elections and leases; the same in the whole cluster.",
    roles: ALL,
  },
  segmentBytes: {
    value: bytes({ min: MIB, max: 2 * GIB }),
    default: size(64 * MIB),
    description: "Size of a commit log segment, the unit in which log space is freed.",
    roles: REPLICATED,
  },
  retainedLogBytes: {
    value: bytes({ min: 64 * KIB, max: GIB }),
    default: size(8 * MIB),
    description:
      "Log that each replica keeps for followers that are behind, before it needs snapshots.",
    roles: REPLICATED,
  },
  checkpointBytes: {
    value: bytes({ min: MIB, max: 16 * GIB }),
    default: none("the larger of --segment-bytes and --write-buffer-bytes"),
    description: "A checkpoint is taken after so much log, which bounds what a restart replays.",
    roles: REPLICATED,
  },
  checkpointIntervalMs: {
    value: milliseconds({ min: 1000, max: DAY_MS }),
    default: number(MINUTE_MS),
    description: "A checkpoint is taken after so long when anything was written at all.",
    roles: REPLICATED,
  },
  maxUnappliedBytes: {
    value: bytes({ min: MIB, max: GIB }),
    default: size(16 * MIB),
    description: "A replica with so much committed but unapplied log refuses more of it.",
    roles: REPLICATED,
  },
  payloadCacheBytes: {
    value: bytes({ min: MIB, max: 16 * GIB }),
    default: size(64 * MIB),
    description: "Memory for recent log entries, so that followers and apply do not read the disk.",
    roles: REPLICATED,
  },
  writeBufferBytes: {
    value: bytes({ min: 64 * KIB, max: GIB }),
    default: size(16 * MIB),
    description: "Memory in which the store gathers writes before a table is written; used twice.",
    roles: REPLICATED,
  },
  storeCacheBytes: {
    value: bytes({ min: MIB, max: 256 * GIB }),
    default: size(64 * MIB),
    description: "Memory for blocks of the store's tables.",
    roles: REPLICATED,
  },
  rowCacheBytes: {
    value: bytes({ min: 0, max: 256 * GIB }),
    default: size(64 * MIB),
    description: "Memory for rows that are read often; 0 turns the row cache off.",
    roles: ["tablet-server", "frontend"],
  },
  idempotencyTtlMs: {
    value: milliseconds({ min: 1000, max: 30 * DAY_MS }),
    default: number(60 * MINUTE_MS),
    description: "How long the outcome of a write with an Idempotency-Key is remembered.",
    roles: ["tablet-server"],
  },
  serverSilentMs: {
    value: milliseconds({ min: 100, max: DAY_MS }),
    default: number(3000),
    description: "A server is shown as silent, and avoided, after no word for so long.",
    roles: ["master"],
  },
  serverGoneMs: {
    value: milliseconds({ min: 1000, max: 30 * DAY_MS }),
    default: number(5 * MINUTE_MS),
    description: "The replicas of a server are replaced elsewhere after no word for so long.",
    roles: ["master"],
  },
  expectTabletServers: {
    value: count({ min: 0, max: 10_000 }),
    default: number(0),
    description: "The front-end calls itself ready once so many tablet servers are registered.",
    roles: ["frontend"],
  },
};
