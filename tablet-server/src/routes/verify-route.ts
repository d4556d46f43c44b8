/**
 * `:verify` on the server of the tablet's leader: one verify entry, then the hash of every voter's data as of that
 * entry, its own included. A replica that cannot be reached within the deadline fails the call: what was not
 * compared is not called equal.
 */
import { delay, type Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import { tabletId, type ServerId, type TabletId } from "@stele/shared/ids.ts";
import type { ServiceRoutes } from "@stele/shared/process/server-world.ts";
import type { Random } from "@stele/shared/random.ts";
import type { RpcClient } from "@stele/shared/rpc/rpc-client.ts";
import type { RouteCall } from "@stele/shared/rpc/rpc-route.ts";
import { tabletHashRoute, verifyRoute } from "@stele/shared/wire/verify-call.ts";
import type { z } from "zod";
import type { Tablet } from "../tablet/tablet.ts";
import type { Verifications } from "../tablet/verifications.ts";
import type { TabletSet } from "../tablet-set.ts";

export interface VerifyRouteParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly rpc: RpcClient;
  readonly tablets: TabletSet;
  readonly verifications: Verifications;
  readonly serverName: string;
  readonly addressOf: (
    server: ServerId,
  ) => { readonly name: string; readonly url: string } | undefined;
}

/** The last part of a call's time, kept for answering it. */
const ANSWER_SHARE = 0.1;

type Hashed = z.output<typeof tabletHashRoute.response>;
type Verified = z.output<typeof verifyRoute.response>;

export function registerVerifyRoutes(
  routes: Pick<ServiceRoutes, "route">,
  parts: VerifyRouteParts,
): void {
  routes.route(verifyRoute, (request, call) => verify(parts, tabletId(request.tabletId), call));
  routes.route(tabletHashRoute, async ({ tabletId: id, verifyId }, call): Promise<Hashed> => {
    const { clock, serverName, verifications } = parts;
    const expired = delay(clock, call.deadlineMs - clock.monotonicMs());
    const result = await verifications.result(tabletId(id), verifyId, expired);
    if (result === null) return { kind: "unknown" };
    const { hash, index, rows } = result;
    return { kind: "hashed", server: serverName, index, rows, hash };
  });
}

async function verify(parts: VerifyRouteParts, id: TabletId, call: RouteCall): Promise<Verified> {
  const tablet = parts.tablets.tablet(id);
  if (tablet === null) return { kind: "not-here" };
  const silent = tablet.group.status().followers.find(({ recentlyActive }) => !recentlyActive);
  if (tablet.servingTerm !== null && silent !== undefined) {
    throw unreachedReplica(parts, id, silent.member.serverId);
  }
  const verifyId = parts.random.below(2 ** 32);
  const outcome = await tablet.verify(verifyId);
  if (outcome.kind === "not-leader") {
    const redirect = tablet.notLeader();
    return { kind: "not-leader", leader: redirect.kind === "not-leader" ? redirect.leader : null };
  }
  if (outcome.kind !== "applied") {
    const detail = `Tablet ${id} is changing its leader; try again.`;
    throw new DatabaseError({ code: "UNAVAILABLE", detail, retryAfterMs: 500 });
  }
  const replicas = await Promise.all(
    tablet
      .descriptor()
      .replicas.filter(({ role }) => role === "voter")
      .map(({ serverId }) => hashOf(parts, tablet, serverId, verifyId, call)),
  );
  const equal = replicas.every(({ hash, rows }) => {
    return hash === replicas[0]?.hash && rows === replicas[0]?.rows;
  });
  return { kind: "verified", index: outcome.index, equal, replicas };
}

async function hashOf(
  parts: VerifyRouteParts,
  tablet: Tablet,
  server: ServerId,
  verifyId: number,
  call: RouteCall,
): Promise<{ server: string; rows: number; hash: string }> {
  const { clock, rpc, serverName, verifications } = parts;
  const { tabletId: id } = tablet;
  // Early enough to name the replica that keeps everyone waiting.
  const leftMs = call.deadlineMs - clock.monotonicMs();
  const deadlineMs = call.deadlineMs - leftMs * ANSWER_SHARE;
  if (server === tablet.group.serverId) {
    const expired = delay(clock, deadlineMs - clock.monotonicMs());
    const own = await verifications.result(id, verifyId, expired);
    if (own === null) throw unreachedReplica(parts, id, server);
    return { server: serverName, rows: own.rows, hash: own.hash };
  }
  const url = parts.addressOf(server)?.url;
  if (url === undefined) throw unreachedReplica(parts, id, server);
  const asked = { tabletId: id, verifyId };
  const reply = await rpc
    .call(url, tabletHashRoute, asked, { deadlineMs })
    .catch((error: unknown) => {
      throw unreachedReplica(parts, id, server, error);
    });
  if (reply.kind === "unknown") throw unreachedReplica(parts, id, server);
  return { server: reply.server, rows: reply.rows, hash: reply.hash };
}

function unreachedReplica(
  parts: VerifyRouteParts,
  id: TabletId,
  server: ServerId,
  cause?: unknown,
): DatabaseError {
  const name = parts.addressOf(server)?.name ?? server;
  return new DatabaseError(
    {
      code: "UNAVAILABLE",
      detail: `The replica of tablet ${id} on server ${name} gave no hash.`,
      hint: "Wait until it has caught up (GET /v1/tablets/{id} shows the lag) and verify again.",
      retryAfterMs: 1000,
    },
    cause,
  );
}
