/**
 * Flipped bits in table files of a tablet server's store, while it is down.
 *
 * T1. Every row is read once while the damage is there. What only a compaction would meet may stay unseen, and
 *     would meet the next damage, elsewhere: so in the end the server gets an empty disk, as from an operator.
 *     Whether the other replicas are whole, and equal, must show before that.
 * T2. LevelDB aborts where keys rot, at every start (docs/FAILURES.md): then the empty disk comes earlier.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Nemesis, Scene } from "./fault.ts";
import { flipBit } from "./flipped-bits.ts";

const PARTS = 1_000_000;
/** Within it a server that cannot live with its store has ended. */
const LIFE_MS = 8_000;

export const flipStore: Nemesis = {
  kind: "flip-store",
  strikes: "processes",
  damages: true,
  draw(draws, { tabletServers }) {
    const victim = draws.of(tabletServers);
    const flips = Array.from({ length: 1 + draws.below(4) }, () => ({
      file: draws.below(PARTS) / PARTS,
      at: draws.below(PARTS) / PARTS,
      bit: draws.below(8),
    }));
    return {
      kind: "flip-store",
      text: `flip ${flips.length} bits in the store of ${victim}`,
      victims: [victim],
      holdMs: 0,
      inflict: async ({ victims, note }) => {
        await victims.kill(victim);
        const folder = join(victims.dataDirOf(victim), "store");
        const tables = readdirSync(folder)
          .filter((name) => name.endsWith(".ldb"))
          .map((name) => join(folder, name));
        for (const { file, at, bit } of tables.length === 0 ? [] : flips) {
          const path = tables[Math.floor(file * tables.length)] as string;
          const offset = Math.floor(at * statSync(path).size);
          flipBit({ path, offset, bit });
          note(`flipped bit ${bit} of byte ${offset} of ${path}`);
        }
      },
      heal: async (scene) => {
        await liveWithIt(scene, victim);
        await scene.victims.wipe(victim);
        await scene.victims.relaunch(victim);
        await scene.untilVerified();
      },
    };
  },
};

/** T1, T2. */
async function liveWithIt({ victims, note, sleep, untilVerified }: Scene, victim: string) {
  await victims.relaunch(victim);
  victims.expectDeath(victim);
  for (let livedMs = 0; livedMs < LIFE_MS; livedMs += 200) {
    await sleep(200);
    if (victims.isRunning(victim)) continue;
    note(`${victim} ended over its damaged store; it is started once more`);
    await victims.relaunch(victim);
    victims.expectDeath(victim);
  }
  if (!victims.isRunning(victim)) return;
  const verified = untilVerified();
  const death = (async () => {
    while (victims.isRunning(victim)) await sleep(200);
  })();
  // Compactions go on meanwhile, and may end it. Then nothing can be whole before it has an empty disk, and what is
  // found wrong after that is no news.
  verified.catch(() => {});
  await Promise.race([verified, death]);
}
