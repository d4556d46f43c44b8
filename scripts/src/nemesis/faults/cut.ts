/**
 * Links cut both ways: between two processes, around one, through the middle, or so that one process alone sees
 * both halves. What was under way is lost, or, as behind a short outage, arrives when the cut ends.
 */
import type { Draws } from "@stele/shared/testing/draws.ts";
import { everyone } from "./fault.ts";
import type { Nemesis, Roster } from "./fault.ts";
import { bothWays, linkFault, linksBetween } from "./link-fault.ts";
import type { Link } from "./link-fault.ts";

export const cut: Nemesis = {
  kind: "cut",
  strikes: "links",
  damages: false,
  draw(draws, roster) {
    const { text, links } = drawCut(draws, roster);
    const kind = draws.oneIn(2) ? "lost" : "held";
    return linkFault({
      kind: "cut",
      text: `cut ${text}, what is under way is ${kind}`,
      links: bothWays(links),
      passage: { kind },
      holdMs: draws.between(1_000, 15_000),
    });
  },
};

function drawCut(
  draws: Draws,
  roster: Roster,
): { readonly text: string; readonly links: readonly Link[] } {
  const all = everyone(roster);
  const shape = draws.below(4);
  if (shape === 0) {
    const [one = "", other = ""] = draws.some(all, 2);
    return { text: `${one} | ${other}`, links: linksBetween([one], [other]) };
  }
  if (shape === 1) {
    const alone = draws.of([...roster.tabletServers, ...roster.masters]);
    const others = all.filter((id) => id !== alone);
    return { text: `${alone} | all others`, links: linksBetween([alone], others) };
  }
  const side = all.filter(() => draws.oneIn(2));
  const bridge = shape === 2 ? null : draws.of(all);
  const left = side.filter((id) => id !== bridge);
  const right = all.filter((id) => id !== bridge && !side.includes(id));
  const seen = bridge === null ? "" : `, ${bridge} sees both`;
  return {
    text: `${left.join(" ")} | ${right.join(" ")}${seen}`,
    links: linksBetween(left, right),
  };
}
