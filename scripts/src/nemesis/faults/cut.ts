/**
 * Links cut both ways: between two processes, around one, through the middle, or so that one process alone sees
 * both halves. What was under way is lost, or, as behind a short outage, arrives when the cut ends.
 */
import type { Random } from "@stele/shared/random.ts";
import { between, everyone, oneOf, someOf } from "./fault.ts";
import type { Nemesis, Roster } from "./fault.ts";
import { bothWays, linkFault, linksBetween } from "./link-fault.ts";
import type { Link } from "./link-fault.ts";

export const cut: Nemesis = {
  kind: "cut",
  strikes: "links",
  damages: false,
  draw(random, roster) {
    const { text, links } = drawCut(random, roster);
    const kind = random.below(2) === 0 ? "lost" : "held";
    return linkFault({
      kind: "cut",
      text: `cut ${text}, what is under way is ${kind}`,
      links: bothWays(links),
      passage: { kind },
      holdMs: between(random, 1_000, 15_000),
    });
  },
};

function drawCut(
  random: Random,
  roster: Roster,
): { readonly text: string; readonly links: readonly Link[] } {
  const all = everyone(roster);
  const shape = random.below(4);
  if (shape === 0) {
    const [one = "", other = ""] = someOf(random, all, 2);
    return { text: `${one} | ${other}`, links: linksBetween([one], [other]) };
  }
  if (shape === 1) {
    const alone = oneOf(random, [...roster.tabletServers, ...roster.masters]);
    const others = all.filter((id) => id !== alone);
    return { text: `${alone} | all others`, links: linksBetween([alone], others) };
  }
  const side = all.filter(() => random.below(2) === 0);
  const bridge = shape === 2 ? null : oneOf(random, all);
  const left = side.filter((id) => id !== bridge);
  const right = all.filter((id) => id !== bridge && !side.includes(id));
  const seen = bridge === null ? "" : `, ${bridge} sees both`;
  return {
    text: `${left.join(" ")} | ${right.join(" ")}${seen}`,
    links: linksBetween(left, right),
  };
}
