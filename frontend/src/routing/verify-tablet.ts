/** `:verify`: asks the server of the tablet's leader to compare all replicas. */
import { delay } from "@stele/shared/clock.ts";
import type { Clock } from "@stele/shared/clock.ts";
import { DatabaseError } from "@stele/shared/errors.ts";
import type { Random } from "@stele/shared/random.ts";
import { ChannelFailure } from "@stele/shared/rpc/channel-contract.ts";
import { clusterServersRoute, clusterTabletRoute } from "@stele/shared/wire/admin-calls.ts";
import type { VerifyView } from "@stele/shared/wire/admin-views.ts";
import { verifyRoute } from "@stele/shared/wire/verify-call.ts";
import type { CallLimits } from "../operations.ts";
import type { MasterCall, MasterClient, RpcCalls } from "./master-client.ts";
import { Pauses } from "./pauses.ts";

const ATTEMPT_MS = 5_000;
const PAUSES = { pauseMs: 50, pauseMaxMs: 500 };
const RETRY_AFTER_MS = 1_000;

export interface VerifyParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly rpc: RpcCalls;
  readonly masters: Pick<MasterClient, "call">;
  readonly leaderlessMs: number;
}

type Answer =
  | { readonly kind: "verified"; readonly view: VerifyView }
  | { readonly kind: "elsewhere"; readonly why: string };

/** Throws `DatabaseError`: NO_QUORUM when no leader was found for `leaderlessMs`. */
export async function verifyTablet(
  parts: VerifyParts,
  id: string,
  limits: CallLimits,
): Promise<VerifyView> {
  const { clock, leaderlessMs, random } = parts;
  const pauses = new Pauses(random, PAUSES);
  const giveUpMs = clock.monotonicMs() + leaderlessMs;
  for (;;) {
    const answer = await askLeader(parts, id, limits);
    if (answer.kind === "verified") return answer.view;
    const againMs = clock.monotonicMs() + pauses.next();
    if (againMs >= limits.deadlineMs) throw unverified("DEADLINE", id, answer.why);
    if (againMs >= giveUpMs) throw unverified("NO_QUORUM", id, answer.why);
    await delay(clock, againMs - clock.monotonicMs());
  }
}

async function askLeader(
  { masters, rpc }: VerifyParts,
  id: string,
  { deadlineMs }: CallLimits,
): Promise<Answer> {
  const call: MasterCall = { deadlineMs, attemptMs: ATTEMPT_MS, effect: "read" };
  const { result: tablet } = await masters.call(clusterTabletRoute, { id }, call);
  if (tablet.leader === null) return { kind: "elsewhere", why: "no leader is known" };
  const { result: servers } = await masters.call(clusterServersRoute, {}, call);
  let server = servers.find(({ id: name }) => name === tablet.leader);
  const asked = new Set<string>();
  while (server !== undefined && !asked.has(server.serverId)) {
    const { id: name, serverId: asking, url } = server;
    asked.add(asking);
    try {
      const request = { tabletId: Number(tablet.id) };
      const reply = await rpc.call(url, verifyRoute, request, { deadlineMs });
      if (reply.kind === "verified") {
        const { index, equal, replicas } = reply;
        return { kind: "verified", view: { index, equal, replicas } };
      }
      const hint = reply.kind === "not-leader" ? reply.leader : null;
      server = servers.find(({ serverId }) => serverId === hint);
    } catch (error) {
      if (!(error instanceof ChannelFailure)) throw error;
      return { kind: "elsewhere", why: `${name}: ${error.message}` };
    }
  }
  return { kind: "elsewhere", why: `${tablet.leader} does not lead it` };
}

function unverified(code: "DEADLINE" | "NO_QUORUM", id: string, why: string): DatabaseError {
  return new DatabaseError({
    code,
    detail: `Tablet ${id} cannot be verified: ${why}.`,
    retryAfterMs: RETRY_AFTER_MS,
  });
}
