/** SIGKILL: one process, a minority of the tablet servers, all of them, the leading master. */
import type { Draws } from "@stele/shared/testing/draws.ts";
import type { Fault, Nemesis, Roster, Scene } from "./fault.ts";

const DOWN_MIN_MS = 100;
const DOWN_MAX_MS = 12_000;

export const kill: Nemesis = {
  kind: "kill",
  strikes: "processes",
  damages: false,
  draw(draws, roster) {
    const holdMs = draws.between(DOWN_MIN_MS, DOWN_MAX_MS);
    const { masters, tabletServers, frontends } = roster;
    switch (draws.below(10)) {
      case 0:
        return killing(tabletServers, holdMs);
      case 1:
      case 2:
        return killing(draws.some(tabletServers, minorityOf(tabletServers)), holdMs);
      case 3:
        return killing([draws.of(masters)], holdMs);
      case 4:
      case 5:
        return killingTheLeadingMaster(draws, roster, holdMs);
      case 6:
        return killing([draws.of(frontends)], holdMs);
      default:
        return killing([draws.of(tabletServers)], holdMs);
    }
  },
};

function minorityOf(servers: readonly string[]): number {
  return Math.max(1, Math.floor((servers.length - 1) / 2));
}

function killing(victims: readonly string[], holdMs: number): Fault {
  return {
    kind: "kill",
    text: `kill ${victims.join(" ")}`,
    victims,
    holdMs,
    inflict: async (scene) => {
      await Promise.all(victims.map((id) => scene.victims.kill(id)));
    },
    heal: async (scene) => {
      for (const id of victims) await scene.victims.relaunch(id);
    },
  };
}

/** Whoever leads when the time comes: all masters are its victims until then. */
function killingTheLeadingMaster(draws: Draws, { masters }: Roster, holdMs: number): Fault {
  const otherwise = draws.of(masters);
  let killed = otherwise;
  return {
    kind: "kill",
    text: "kill the leading master",
    victims: masters,
    holdMs,
    inflict: async ({ victims, note }: Scene) => {
      killed = (await victims.leadingMaster()) ?? otherwise;
      note(`the leading master is ${killed}`);
      await victims.kill(killed);
    },
    heal: ({ victims }) => victims.relaunch(killed),
  };
}
