// Steady traffic of many clients, for measuring its rate: each client does one write and one read of a
// row in turn, as fast as it is answered.
import { setTimeout as sleep } from "node:timers/promises";
import type { Rest } from "./rest.ts";

export interface TrafficOptions {
  readonly table: string;
  /** Client i uses key i, modulo their number. */
  readonly keys: readonly string[];
  readonly clients: number;
}

export class Traffic {
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;
  readonly #failures: string[] = [];
  #calls = 0;

  constructor(rest: Rest, { table, keys, clients }: TrafficOptions) {
    const run = async (client: number): Promise<void> => {
      const path = `/tables/${table}/rows/${keys[client % keys.length]}-${client}`;
      for (let turn = 0; !this.#stop.signal.aborted; turn++) {
        const body = { columns: { "d:turn": String(turn) } };
        for (const reply of [await rest.put(path, body), await rest.get(path)]) {
          if (reply.status < 300) this.#calls++;
          else this.#failures.push(reply.text);
        }
      }
    };
    const runAll = Array.from({ length: clients }, (_, client) =>
      run(client).catch((error: unknown) => void this.#failures.push(String(error))),
    );
    this.#ended = Promise.all(runAll);
  }

  /** Answers other than success, so far. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Successful calls a second, from now on for so long. */
  async rate(forMs: number): Promise<number> {
    const startedMs = performance.now();
    const calls = this.#calls;
    await sleep(forMs);
    return ((this.#calls - calls) * 1000) / (performance.now() - startedMs);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
