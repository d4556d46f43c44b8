/**
 * A small disk that is full: the kernel limits the size of the files of a running tablet server, so that its next
 * write beyond fails as on a full disk. The server ends; its next start meets the same disk, until there is room.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Nemesis } from "./fault.ts";

const run = promisify(execFile);

export const fullDisk: Nemesis = {
  kind: "full-disk",
  strikes: "processes",
  damages: false,
  draw(draws, { tabletServers }) {
    const victim = draws.of(tabletServers);
    const limitBytes = draws.between(16 * 1024, 256 * 1024);
    return {
      kind: "full-disk",
      text: `no file of ${victim} grows beyond ${limitBytes} bytes`,
      victims: [victim],
      holdMs: 2_000,
      inflict: async ({ victims, note, sleep }) => {
        victims.expectDeath(victim);
        await limitFiles(victims.pidOf(victim), String(limitBytes));
        for (let waited = 0; waited < 40 && victims.isRunning(victim); waited++) await sleep(100);
        if (victims.isRunning(victim)) {
          note(`${victim} wrote nothing that was too large`);
          return;
        }
        note(`${victim} ended; it starts again on the full disk`);
        await victims.relaunch(victim);
        victims.expectDeath(victim);
        await limitFiles(victims.pidOf(victim), String(limitBytes));
      },
      heal: async ({ victims, sleep }) => {
        if (victims.isRunning(victim)) await limitFiles(victims.pidOf(victim), "unlimited");
        // A write that failed before may be about to end it.
        for (let waited = 0; waited < 10 && victims.isRunning(victim); waited++) await sleep(100);
        // What ended is started again; what lives goes on with what it has in memory.
        if (victims.isRunning(victim)) victims.expectLife(victim);
        else await victims.relaunch(victim);
      },
    };
  },
};

/** Of the soft limit, which may rise again. A process that has ended has none. */
async function limitFiles(pid: number, bytes: string): Promise<void> {
  try {
    await run("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);
  } catch (error) {
    if (/No such process/i.test(String(error))) return;
    throw error;
  }
}
