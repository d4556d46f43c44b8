/** A tablet server loses its disk, and comes back under its name with an empty one. */
import { between, oneOf } from "./fault.ts";
import type { Nemesis } from "./fault.ts";

export const wipe: Nemesis = {
  kind: "wipe",
  strikes: "processes",
  damages: true,
  draw(random, { tabletServers }) {
    const victim = oneOf(random, tabletServers);
    return {
      kind: "wipe",
      text: `wipe the disk of ${victim}`,
      victims: [victim],
      holdMs: between(random, 0, 5_000),
      inflict: ({ victims }) => victims.wipe(victim),
      heal: ({ victims }) => victims.relaunch(victim),
    };
  },
};
