/** Connections of one process break, again and again: requests and replies are lost half-way. */
import { everyone, NETWORK } from "./fault.ts";
import type { Nemesis } from "./fault.ts";

export const reset: Nemesis = {
  kind: "reset",
  strikes: "links",
  damages: false,
  draw(draws, roster) {
    const all = everyone(roster);
    const victim = draws.of(all);
    const pauses = Array.from({ length: draws.between(1, 30) }, () => draws.between(5, 300));
    return {
      kind: "reset",
      text: `reset the connections of ${victim} ${pauses.length} times`,
      victims: [NETWORK],
      holdMs: 0,
      inflict: async ({ network, note, sleep }) => {
        let count = 0;
        for (const pauseMs of pauses) {
          for (const other of all) count += network.reset(victim, other);
          await sleep(pauseMs);
        }
        note(`${count} connections of ${victim} were reset`);
      },
      heal: () => Promise.resolve(),
    };
  },
};
