/**
 * The limits of one request: its deadline, and a signal that fires when the client goes away. The
 * signal is made only when someone asks for it: most calls settle before anyone does.
 */
import type { ServerResponse } from "node:http";
import type { CallLimits } from "../operations.ts";

export class RequestLimits implements CallLimits {
  readonly deadlineMs: number;
  readonly #response: ServerResponse;
  #controller: AbortController | null = null;

  constructor(response: ServerResponse, deadlineMs: number) {
    this.#response = response;
    this.deadlineMs = deadlineMs;
  }

  get signal(): AbortSignal {
    this.#controller ??= abortOnDisconnect(this.#response);
    return this.#controller.signal;
  }

  /** The same client with another deadline. */
  until(deadlineMs: number): CallLimits {
    return new SharedSignalLimits(deadlineMs, this);
  }
}

class SharedSignalLimits implements CallLimits {
  readonly deadlineMs: number;
  readonly #owner: RequestLimits;

  constructor(deadlineMs: number, owner: RequestLimits) {
    this.deadlineMs = deadlineMs;
    this.#owner = owner;
  }

  get signal(): AbortSignal {
    return this.#owner.signal;
  }
}

function abortOnDisconnect(response: ServerResponse): AbortController {
  const controller = new AbortController();
  const onClose = () => {
    if (!response.writableFinished) controller.abort();
  };
  if (response.destroyed) onClose();
  else response.once("close", onClose);
  return controller;
}
