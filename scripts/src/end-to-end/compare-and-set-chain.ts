// Clients that race to replace one row on condition of its version, so that each success extends the
// one before it: a chain. A stale read, a lost or a doubled write would fork or break it.
import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rest } from "./rest.ts";

interface Link {
  readonly from: string | null;
  readonly to: string;
}

export class CompareAndSetChain {
  readonly #rest: Rest;
  readonly #path: string;
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;
  readonly #links: Link[] = [];
  /** Versions from which a write with an unknown outcome started. */
  readonly #uncertainFrom = new Set<string | null>();
  readonly #broken: string[] = [];

  constructor(rest: Rest, path: string, clients: number) {
    this.#rest = rest;
    this.#path = path;
    this.#ended = Promise.all(Array.from({ length: clients }, (_, index) => this.#run(index)));
  }

  /** Acknowledged links. */
  get length(): number {
    return this.#links.length;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  /**
   * No version was replaced twice, versions grow along each link, and every link begins where another
   * one ended, or where a write of unknown outcome may have ended.
   */
  async expectLinear(): Promise<void> {
    const links = this.#links.toSorted((a, b) => Number(a.to) - Number(b.to));
    const starts = links.map(({ from }) => from);
    expect(new Set(starts).size, "a version was replaced twice").toBe(starts.length);
    const breaks: string[] = [...this.#broken];
    let previous: string | null = null;
    for (const { from, to } of links) {
      if (from !== null && Number(from) >= Number(to)) breaks.push(`${from} -> ${to}`);
      if (from !== previous && !this.#uncertainFrom.has(previous)) {
        breaks.push(`${previous} was followed by a link from ${from}`);
      }
      previous = to;
    }
    expect(breaks).toEqual([]);
    const row = await this.#rest.get(this.#path);
    const { version } = row.json<{ version: string }>();
    if (!this.#uncertainFrom.has(previous)) expect(version).toBe(previous);
  }

  async #run(client: number): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      try {
        await this.#extend(`${client}.${turn}`);
      } catch (error) {
        this.#broken.push(String(error));
        return;
      }
    }
  }

  async #extend(value: string): Promise<void> {
    const read = await this.#rest.get(this.#path);
    const from = read.status === 200 ? read.json<{ version: string }>().version : null;
    if (from === null && read.status !== 404) {
      await sleep(20);
      return;
    }
    const condition = from === null ? { "if-none-match": "*" } : { "if-match": `"${from}"` };
    const headers: Record<string, string> = { ...condition };
    const write = await this.#rest.put(this.#path, { columns: { "d:by": value } }, { headers });
    if (write.status === 200 || write.status === 201) {
      this.#links.push({ from, to: write.json<{ version: string }>().version });
    } else if (write.status === 412) {
      // Who lost the race learns the present version, which is another one.
      const { version } = write.json<{ version: string | null }>();
      if (version === from) throw new Error(`412 although the version is ${from}`);
    } else {
      const { applied } = write.json<{ applied?: string }>();
      if (applied !== "no") this.#uncertainFrom.add(from);
      await sleep(20);
    }
  }
}
