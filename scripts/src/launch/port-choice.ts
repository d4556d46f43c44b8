// Which block of ports a start uses.
import { randomInt } from "node:crypto";
import { BLOCK_PORTS, DEFAULT_PORT, HOST, planServers } from "./cluster-layout.ts";
import type { ClusterShape } from "./cluster-layout.ts";
import { findFreeBlock } from "./port-probe.ts";

/** Below the range from which systems draw the ports of outgoing connections. */
const ANY_FIRST = 20_000;
const ANY_LAST = 31_000;

/** `wished` undefined is the default block, 0 any free one. */
export async function chooseBase(
  wished: number | undefined,
  shape: ClusterShape,
  tell: (line: string) => void,
): Promise<number> {
  const anyBlocks = (ANY_LAST - ANY_FIRST) / BLOCK_PORTS;
  const from = wished === 0 ? ANY_FIRST + BLOCK_PORTS * randomInt(anyBlocks) : wished;
  const portsAt = (base: number): number[] => planServers(shape, base, "").map(({ port }) => port);
  const { base, taken } = await findFreeBlock(from ?? DEFAULT_PORT, portsAt);
  if (taken !== null && wished !== 0) {
    tell(
      `port ${taken} is taken: this cluster now uses ${HOST}:${base} and the ports above it, ` +
        "and will from now on",
    );
  }
  return base;
}
