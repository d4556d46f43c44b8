/** Heartbeats of tablet servers: long polls that bring steps. */
import { heartbeatRoute } from "@stele/shared/wire/heartbeat.ts";
import { leaderAnswer, type CatalogAccess } from "./leader-answer.ts";
import type { RouteRegistrar } from "./route-registrar.ts";

export function registerHeartbeatRoutes(registrar: RouteRegistrar, access: CatalogAccess): void {
  registrar.route(heartbeatRoute, async (heartbeat, call) => {
    const answer = await leaderAnswer(access, (leader) => leader.heartbeat(heartbeat, call));
    return answer.kind === "answer" ? answer.result : answer;
  });
}
