/** Heartbeats of tablet servers: long polls that bring steps. */
import { DatabaseError } from "@stele/shared/errors.ts";
import { heartbeatRoute, type HeartbeatRequest } from "@stele/shared/wire/heartbeat.ts";
import { leaderAnswer, type CatalogAccess } from "./leader-answer.ts";
import type { RouteRegistrar } from "./route-registrar.ts";

export function registerHeartbeatRoutes(registrar: RouteRegistrar, access: CatalogAccess): void {
  registrar.route(heartbeatRoute, async (heartbeat, call) => {
    requireLowerCaseIds(heartbeat);
    const answer = await leaderAnswer(access, (leader) => leader.heartbeat(heartbeat, call));
    return answer.kind === "answer" ? answer.result : answer;
  });
}

/** The wire takes every uuid; a server id is one in lower case. */
function requireLowerCaseIds({ serverId, replicas }: HeartbeatRequest): void {
  const isLowerCase = (id: string): boolean => id === id.toLowerCase();
  const isRight =
    isLowerCase(serverId) &&
    replicas.every(({ config }) =>
      [config.voters, config.outgoing, config.learners].every((members) =>
        members.every((member) => isLowerCase(member.serverId)),
      ),
    );
  if (isRight) return;
  const detail = "a server id is a uuid in lower case";
  throw new DatabaseError({ code: "INVALID_REQUEST", detail });
}
