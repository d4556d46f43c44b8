import type { Socket } from "node:net";

/**
 * Resets a connection, so that the other end sees a break and no orderly end. The system refuses a reset while an
 * orderly end is on its way, and Node then forgets to close the socket: there it is only closed.
 */
export function breakOff(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
