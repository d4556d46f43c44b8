/**
 * The rest of a body that nobody wants: taken off the wire and forgotten, and only then is the reply
 * ended. A client that writes everything before it reads gets to read the reply; ending earlier may
 * reset its connection, and the reply with it.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "@stele/shared/clock.ts";

/** A client that sends nothing for so long is done, or gone. */
const IDLE_MS = 10_000;

/** A client that sends a little now and then holds its connection no longer than this. */
const DRAIN_MS = 60_000;

/**
 * Resolves when the body has ended. A client that sends more than `maxBytes`, pauses for long, or does not
 * come to an end within a minute, is cut off.
 */
export function drained(raw: IncomingMessage, clock: Clock, maxBytes: number): Promise<void> {
  if (raw.complete || raw.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    let cancel = clock.after(IDLE_MS, () => raw.destroy());
    const cancelEnd = clock.after(DRAIN_MS, () => raw.destroy());
    const finish = () => {
      cancel();
      cancelEnd();
      resolve();
    };
    raw.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      cancel();
      cancel = clock.after(IDLE_MS, () => raw.destroy());
      if (bytes > maxBytes) raw.destroy();
    });
    raw.once("end", finish).once("close", finish).resume();
  });
}
