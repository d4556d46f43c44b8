/**
 * A tablet server loses its disk, and comes back under its name with an empty one.
 *
 * W1. It is over when all replicas were read and are equal: the status knows nothing of the loss for a while.
 */
import type { Nemesis } from "./fault.ts";

export const wipe: Nemesis = {
  kind: "wipe",
  strikes: "processes",
  damages: true,
  draw(draws, { tabletServers }) {
    const victim = draws.of(tabletServers);
    return {
      kind: "wipe",
      text: `wipe the disk of ${victim}`,
      victims: [victim],
      holdMs: draws.between(0, 5_000),
      inflict: ({ victims }) => victims.wipe(victim),
      heal: async ({ victims, untilVerified }) => {
        await victims.relaunch(victim);
        await untilVerified();
      },
    };
  },
};
