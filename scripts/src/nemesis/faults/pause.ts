/** SIGSTOP: a process stands still and goes on as if nothing had happened, its connections open. */
import { everyone } from "./fault.ts";
import type { Nemesis } from "./fault.ts";

export const pause: Nemesis = {
  kind: "pause",
  strikes: "processes",
  damages: false,
  draw(draws, roster) {
    // Tablet servers have the leases, so they come up more often.
    const victim = draws.of([...everyone(roster), ...roster.tabletServers]);
    return {
      kind: "pause",
      text: `pause ${victim}`,
      victims: [victim],
      holdMs: draws.between(1_000, 15_000),
      inflict: ({ victims }) => victims.signal(victim, "SIGSTOP"),
      heal: ({ victims }) => victims.signal(victim, "SIGCONT"),
    };
  },
};
