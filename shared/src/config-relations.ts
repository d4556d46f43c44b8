/** What must hold between the values of a config, for the roles that look at them. */
import type { ServerConfig } from "./config-knobs.ts";
import { isLoopback, showBytes } from "./config-values.ts";
import type { ServerRole } from "./server-role.ts";
import { timing } from "./timing.ts";

interface Relation {
  readonly roles: readonly ServerRole[];
  /** Null: it holds. */
  readonly problem: (config: ServerConfig) => string | null;
}

/** Longer than any front-end goes on retrying one write. */
const RETRIES_MS = 60_000;

const unless = (holds: boolean, problem: string): string | null => (holds ? null : problem);

const RELATIONS: readonly Relation[] = [
  {
    roles: ["master", "tablet-server", "frontend"],
    problem: ({ listen, clusterTokenFile }) =>
      unless(
        isLoopback(listen.host) || clusterTokenFile !== null,
        `--listen ${listen.host} is not a loopback address, so --cluster-token-file is required: ` +
          "without a token anyone who reaches the port could act as a server of the cluster",
      ),
  },
  {
    roles: ["master", "tablet-server", "frontend"],
    problem: ({ listen, advertise }) =>
      unless(
        !["0.0.0.0", "::"].includes(listen.host) || advertise !== null,
        `--listen ${listen.host} is no address to be reached at, so --advertise is required`,
      ),
  },
  {
    roles: ["master", "tablet-server"],
    problem: ({ checkpointBytes, writeBufferBytes }) =>
      checkpointBytes === null
        ? null
        : unless(
            checkpointBytes >= writeBufferBytes,
            `--checkpoint-bytes ${showBytes(checkpointBytes)} must be at least --write-buffer-bytes ` +
              `${showBytes(writeBufferBytes)}: every checkpoint would write a buffer that is part full`,
          ),
  },
  {
    roles: ["master", "tablet-server"],
    problem: ({ payloadCacheBytes, maxUnappliedBytes }) =>
      unless(
        payloadCacheBytes >= maxUnappliedBytes,
        `--payload-cache-bytes ${showBytes(payloadCacheBytes)} must be at least ` +
          `--max-unapplied-bytes ${showBytes(maxUnappliedBytes)}: apply would read from disk`,
      ),
  },
  {
    roles: ["tablet-server"],
    problem: ({ idempotencyTtlMs }) =>
      unless(
        idempotencyTtlMs >= RETRIES_MS,
        `--idempotency-ttl-ms ${idempotencyTtlMs} must be at least ${RETRIES_MS}: ` +
          "a client may still be repeating a write that long",
      ),
  },
  {
    roles: ["master"],
    problem: ({ serverGoneMs, serverSilentMs }) =>
      unless(
        serverGoneMs > serverSilentMs,
        `--server-gone-ms ${serverGoneMs} must be above --server-silent-ms ${serverSilentMs}`,
      ),
  },
  {
    roles: ["master"],
    problem: ({ serverSilentMs, timingScale }) => {
      const { electionMaxTicks, tickMs } = timing(timingScale);
      const electionMs = electionMaxTicks * tickMs;
      return unless(
        serverSilentMs >= electionMs,
        `--server-silent-ms ${serverSilentMs} must be at least the longest election timeout, ` +
          `${electionMs} ms at --timing-scale ${timingScale}`,
      );
    },
  },
];

/** One sentence a relation that does not hold. */
export function brokenRelations(role: ServerRole, config: ServerConfig): string[] {
  return RELATIONS.filter(({ roles }) => roles.includes(role)).flatMap(
    ({ problem }) => problem(config) ?? [],
  );
}
