// A small cluster with one table, and the calls on one row of it that most tests of rows make.
import { expect } from "vitest";
import { TestCluster } from "../launch/test-cluster.ts";
import { Rest } from "./rest.ts";
import type { Reply } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

const FAMILIES = { d: {}, grade: { maxVersions: 3 }, log: { maxVersions: null }, stats: {} };

export interface Cell {
  readonly value: unknown;
  readonly timestamp: string;
}

export const versionOf = (reply: Reply): string => reply.json<{ version: string }>().version;

export class SingleRows {
  readonly rest: Rest;
  readonly #cluster: TestCluster;
  #count = 0;

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.rest = new Rest(cluster.url);
  }

  static async start(): Promise<SingleRows> {
    const rows = new SingleRows(await TestCluster.start());
    const created = await rows.rest.post("/tables", { name: "t", families: FAMILIES });
    if (created.status === 201) return rows;
    await rows.stop();
    throw new Error(`${created.status} ${created.text}`);
  }

  /** Makes the next row, which no test has used, the one that all calls are about. */
  next(): { readonly key: string; readonly path: string } {
    this.#count++;
    return { key: this.key, path: this.path };
  }

  get key(): string {
    return `row-${this.#count}`;
  }

  get path(): string {
    return `/tables/t/rows/${this.key}`;
  }

  /** Resolves to the version. */
  async put(columns: Record<string, unknown>, more: object = {}): Promise<string> {
    const reply = await this.rest.put(this.path, { columns, ...more });
    expect([200, 201], reply.text).toContain(reply.status);
    return versionOf(reply);
  }

  async columns(query = ""): Promise<unknown> {
    const reply = await this.rest.get(`${this.path}${query}`);
    expect(reply.status, reply.text).toBe(200);
    return reply.json<{ columns: unknown }>().columns;
  }

  async cells(query = "&versions=all"): Promise<Record<string, Cell[]>> {
    const reply = await this.rest.get(`${this.path}?view=cells${query}`);
    expect(reply.status, reply.text).toBe(200);
    return reply.json<{ cells: Record<string, Cell[]> }>().cells;
  }

  /** Resolves to what the servers complained of. */
  async stop(): Promise<string[]> {
    const complaints = complaintsOf(this.#cluster);
    await this.rest[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
    return complaints;
  }
}
