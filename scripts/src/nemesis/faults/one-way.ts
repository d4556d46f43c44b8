/** Links cut in one direction: a process that hears and is not heard, or speaks and hears nothing. */
import { everyone } from "./fault.ts";
import type { Nemesis } from "./fault.ts";
import { linkFault, linksBetween } from "./link-fault.ts";

export const oneWay: Nemesis = {
  kind: "one-way",
  strikes: "links",
  damages: false,
  draw(draws, roster) {
    const all = everyone(roster);
    const holdMs = draws.between(1_000, 15_000);
    const shape = draws.below(3);
    const [one = "", other = ""] = draws.some(all, 2);
    const server = draws.of([...roster.tabletServers, ...roster.masters]);
    const others = all.filter((id) => id !== server);
    const [text, links] =
      shape === 0
        ? [`${one} -> ${other}`, [{ from: one, to: other }]]
        : shape === 1
          ? [`${server} -> all others`, linksBetween([server], others)]
          : [`all others -> ${server}`, linksBetween(others, [server])];
    const passage = { kind: "lost" } as const;
    return linkFault({ kind: "one-way", text: `lose ${text}`, links, passage, holdMs });
  },
};
