/** Slow links: delay and bandwidth, around one process or everywhere. */
import { everyone } from "./fault.ts";
import type { Nemesis } from "./fault.ts";
import { bothWays, linkFault, linksBetween } from "./link-fault.ts";

const RATES = [20_000, 200_000, 5_000_000] as const;

export const slow: Nemesis = {
  kind: "slow",
  strikes: "links",
  damages: false,
  draw(draws, roster) {
    const all = everyone(roster);
    const delayMs = draws.between(5, draws.oneIn(2) ? 60 : 700);
    const bytesPerSecond = draws.of(RATES);
    const everywhere = draws.oneIn(4);
    const one = draws.of([...roster.tabletServers, ...roster.masters]);
    const links = everywhere
      ? linksBetween(all, all)
      : bothWays(
          linksBetween(
            [one],
            all.filter((id) => id !== one),
          ),
        );
    const where = everywhere ? "all links" : `all links of ${one}`;
    return linkFault({
      kind: "slow",
      text: `slow ${where}: ${delayMs} ms, ${bytesPerSecond / 1000} kB/s`,
      links,
      passage: { kind: "slow", delayMs, bytesPerSecond },
      holdMs: draws.between(2_000, 15_000),
    });
  },
};
