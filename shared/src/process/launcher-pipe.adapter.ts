/**
 * A server process that must not outlive the process that started it.
 *
 * The starter (launcher, test cluster) sets `STELE_LAUNCHER_PIPE=1` and passes one end of a pipe as
 * file descriptor 3. Nothing is ever written to it. When the starter is gone, even by SIGKILL, the
 * kernel closes its end, and end-of-file here tells this process to end too.
 *
 * L1. End-of-file raises SIGTERM in this process, so that it stops as cleanly as it would for anyone;
 *     a process that has not ended `GRACE_MS` later kills itself.
 * L2. The pipe alone never keeps a process alive.
 * L3. The variable is removed once read: a process started from here has no such pipe.
 */
import { Socket } from "node:net";

const VARIABLE = "STELE_LAUNCHER_PIPE";
const DESCRIPTOR = 3;
const GRACE_MS = 10_000;

/** Call once, early. Does nothing in a process that was started without the pipe. */
export function endWithLauncher(): void {
  if (process.env[VARIABLE] !== "1") return;
  delete process.env[VARIABLE];
  const pipe = new Socket({ fd: DESCRIPTOR, readable: true, writable: false });
  let gone = false;
  const end = (): void => {
    if (gone) return;
    gone = true;
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), GRACE_MS).unref();
  };
  pipe.on("end", end).on("error", end).on("close", end);
  pipe.resume();
  pipe.unref();
}
