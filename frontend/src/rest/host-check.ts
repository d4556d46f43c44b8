/**
 * Refuses foreign `Host` headers while the server is bound to loopback: a page in a browser that had
 * its own name point to 127.0.0.1 must not reach the database.
 */
import { DatabaseError } from "@stele/shared/errors.ts";

const LOOPBACK_NAME = /^(?:localhost\.?|127(?:\.\d{1,3}){3}|\[::1\])$/i;
const PORT = /:\d*$/;

export function isLoopback(boundHost: string): boolean {
  return LOOPBACK_NAME.test(boundHost.includes(":") ? `[${boundHost}]` : boundHost);
}

export class HostCheck {
  /** Almost every request carries the host of the one before. */
  #lastAllowed: string | null = null;

  /** Throws 403. HTTP/1.0 knows no Host, and no browser speaks it. */
  check(host: string | undefined): void {
    if (host === undefined || host === this.#lastAllowed) return;
    if (!LOOPBACK_NAME.test(host.replace(PORT, ""))) {
      throw new DatabaseError({
        code: "HOST_NOT_ALLOWED",
        detail: `the server is bound to loopback and does not serve the host ${host.slice(0, 100)}`,
        hint: "call it as localhost or 127.0.0.1, or bind it to another address",
      });
    }
    this.#lastAllowed = host;
  }
}
