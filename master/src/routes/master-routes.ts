/** Between masters, and the first words of everybody else. */
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import { joinRoute } from "@stele/shared/wire/join-call.ts";
import {
  acceptProposalRoute,
  commitProposalRoute,
  helloRoute,
  type HelloReply,
} from "@stele/shared/wire/master-calls.ts";
import type { Forming, Verdict } from "../forming/forming.ts";
import type { MasterAddresses } from "../master-addresses.ts";
import type { MasterDirectory } from "../master-directory.ts";
import type { RouteRegistrar } from "./route-registrar.ts";

export interface MasterRouteParts {
  readonly self: AddressEntry;
  readonly clusterId: () => string | null;
  readonly forming: Forming | null;
  readonly addresses: MasterAddresses;
  readonly masters: MasterDirectory;
  readonly term: () => number;
}

export function registerMasterRoutes(registrar: RouteRegistrar, parts: MasterRouteParts): void {
  const { addresses, clusterId, forming, masters, self, term } = parts;
  registrar.route(joinRoute, async () => ({ clusterId: clusterId() }));
  registrar.route(helloRoute, async (request): Promise<HelloReply> => {
    if (request.masters !== null) await addresses.learn(request.masters);
    const proposedClusterId = forming?.proposal?.clusterId ?? null;
    const id = clusterId();
    return {
      serverId: self.serverId,
      name: self.name,
      url: self.url,
      state: id !== null ? "formed" : proposedClusterId !== null ? "accepted" : "empty",
      clusterId: id,
      proposedClusterId,
      leaderUrl: masters.leaderUrl(),
      term: term(),
      masters: addresses.entries(),
    };
  });
  registrar.route(acceptProposalRoute, async (proposal): Promise<Verdict> => {
    if (clusterId() === proposal.clusterId) return { kind: "done" };
    return (await forming?.accept(proposal)) ?? belongsElsewhere(clusterId());
  });
  registrar.route(commitProposalRoute, async (request): Promise<Verdict> => {
    if (clusterId() === request.clusterId) return { kind: "done" };
    return (await forming?.commit(request.clusterId)) ?? belongsElsewhere(clusterId());
  });
}

function belongsElsewhere(clusterId: string | null): Verdict {
  return { kind: "refused", detail: `this master belongs to cluster ${clusterId}` };
}
