// Counters of the tablet servers, added up over restarts, with which they begin anew.
import type { TestCluster } from "../launch/test-cluster.ts";

export class CounterLedger {
  readonly #cluster: TestCluster;
  readonly #names: readonly string[];
  /** Of processes that have ended. */
  readonly #closed = new Map<string, number>();

  constructor(cluster: TestCluster, names: readonly string[]) {
    this.#cluster = cluster;
    this.#names = names;
  }

  /** To be called before the server is killed; what it counts from here on is lost. */
  async close(id: string): Promise<void> {
    for (const [name, value] of await this.#read(id)) {
      this.#closed.set(name, (this.#closed.get(name) ?? 0) + value);
    }
  }

  /** Over all tablet servers that run, and all that were closed. */
  async totals(): Promise<Record<string, number>> {
    const totals = new Map(this.#closed);
    for (const { role, id } of this.#cluster.processes) {
      if (role !== "tablet-server") continue;
      for (const [name, value] of await this.#read(id)) {
        totals.set(name, (totals.get(name) ?? 0) + value);
      }
    }
    return Object.fromEntries(totals);
  }

  async #read(id: string): Promise<Map<string, number>> {
    const reply = await fetch(`${this.#cluster.process(id).url}/metrics`);
    const text = await reply.text();
    const values = new Map<string, number>();
    for (const name of this.#names) {
      const series = text.split("\n").filter((line) => new RegExp(`^${name}[ {]`).test(line));
      const sum = series.reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
      if (series.length === 0) throw new Error(`${id} has no metric ${name}`);
      values.set(name, sum);
    }
    return values;
  }
}
