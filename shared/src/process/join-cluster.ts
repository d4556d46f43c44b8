/**
 * Learns which cluster a new server belongs to, from the first master that knows, and keeps it: from then on the
 * server refuses to speak with any other.
 */
import { delay, type Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { RpcClient } from "../rpc/rpc-client.ts";
import { joinRoute } from "../wire/join-call.ts";

const ANSWER_MS = 2_000;
const PAUSE_MS = 200;
const SAY_EVERY = 25;

export interface JoinClusterParts {
  readonly directory: {
    readonly identity: { readonly clusterId: string | null };
    setClusterId(clusterId: string): Promise<void>;
  };
  readonly clock: Clock;
  readonly rpc: RpcClient;
  /** URLs of masters, as known now. */
  readonly masters: () => readonly string[];
  readonly log: Log;
}

/** Resolves when the cluster's id is durable; tries until a master tells it. */
export async function joinCluster(parts: JoinClusterParts): Promise<void> {
  const { clock, directory, log, masters, rpc } = parts;
  for (let attempt = 0; directory.identity.clusterId === null; attempt++) {
    for (const url of masters()) {
      const deadlineMs = clock.monotonicMs() + ANSWER_MS;
      try {
        const { clusterId } = await rpc.call(url, joinRoute, {}, { deadlineMs });
        if (clusterId === null) continue;
        await directory.setClusterId(clusterId);
        log.info({ clusterId, url }, "joined the cluster");
        return;
      } catch (error) {
        log.debug({ error, url }, "a master did not tell its cluster");
      }
    }
    if (attempt % SAY_EVERY === SAY_EVERY - 1) {
      log.warn({ masters: masters() }, "no master tells the cluster's id; still trying");
    }
    await delay(clock, PAUSE_MS);
  }
}
