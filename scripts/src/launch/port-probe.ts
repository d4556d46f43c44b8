// Finds ports that nobody listens on.
import { createServer } from "node:net";
import { BLOCK_PORTS, HOST, MAX_PORT } from "./cluster-layout.ts";
import { LaunchError } from "./launch-error.ts";

const BLOCKS_TRIED = 50;

/** The first of `ports` that somebody else listens on; null: all are free. */
async function firstTakenPort(ports: readonly number[]): Promise<number | null> {
  for (const port of ports) {
    if (!(await isFree(port))) return port;
  }
  return null;
}

export interface FreeBlock {
  readonly base: number;
  /** A taken port of the block wished for; null: the wish was met. */
  readonly taken: number | null;
}

/** The first free block at or above `wished`. `portsAt` gives the ports needed above a base. */
export async function findFreeBlock(
  wished: number,
  portsAt: (base: number) => readonly number[],
): Promise<FreeBlock> {
  let taken: number | null = null;
  for (let tried = 0; tried < BLOCKS_TRIED; tried++) {
    const base = wished + tried * BLOCK_PORTS;
    const ports = portsAt(base);
    if (Math.max(...ports) > MAX_PORT) break;
    const conflict = await firstTakenPort(ports);
    if (conflict === null) return { base, taken };
    taken ??= conflict;
  }
  throw new LaunchError(
    taken === null
      ? `the ports from ${wished} on do not suffice: choose a lower --port`
      : `port ${taken} is taken, and so is every block of ports above it: choose another --port`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else if (error.code === "EACCES") resolve(false);
      else reject(error);
    });
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
