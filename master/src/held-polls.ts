/**
 * Heartbeats that wait at the master for something to do (wire/heartbeat.ts, H1): one a server.
 */
import type { Clock } from "@stele/shared/clock.ts";
import type { ServerId } from "@stele/shared/ids.ts";

export class HeldPoll {
  readonly #clock: Clock;
  readonly #ended: () => void;
  #wake: (() => void) | null = null;
  /** A newer heartbeat of the same server took its place, or nobody leads any more. */
  released = false;

  constructor(clock: Clock, ended: () => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  /** Resolves when woken or released, after `limitMs`, or when the caller is gone. */
  wait(limitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        this.#wake = null;
        resolve();
      };
      const cancel = this.#clock.after(limitMs, wake);
      this.#wake = wake;
      signal.addEventListener("abort", wake);
    });
  }

  wake(): void {
    this.#wake?.();
  }

  release(): void {
    this.released = true;
    this.#wake?.();
  }

  end(): void {
    this.#ended();
  }
}

export class HeldPolls {
  readonly #clock: Clock;
  readonly #polls = new Map<ServerId, HeldPoll>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Releases the server's poll before. */
  hold(server: ServerId): HeldPoll {
    this.#polls.get(server)?.release();
    const poll = new HeldPoll(this.#clock, () => {
      if (this.#polls.get(server) === poll) this.#polls.delete(server);
    });
    this.#polls.set(server, poll);
    return poll;
  }

  /** Wakes every poll whose server has something due. */
  wakeDue(dueMs: (server: ServerId) => number | null, nowMs: number): void {
    for (const [server, poll] of this.#polls) {
      const due = dueMs(server);
      if (due !== null && due <= nowMs) poll.wake();
    }
  }

  releaseAll(): void {
    for (const poll of this.#polls.values()) poll.release();
  }
}
