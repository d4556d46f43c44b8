// A small cluster with a table of four people, and its whole contents as text: what bad input must not
// change.
import { TestCluster } from "../launch/test-cluster.ts";
import { exchange } from "./raw-http.ts";
import { Rest } from "./rest.ts";
import type { Reply } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

export const ROWS = "/tables/people/rows";
export const ROW = `${ROWS}/alice`;
export const CELL = `${ROW}/cells/d:name`;

const PEOPLE = ["alice", "bob", "carol", "dave"];

export class PeopleTable {
  readonly rest: Rest;
  readonly #cluster: TestCluster;
  #before = "";

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.rest = new Rest(cluster.url);
  }

  static async start(): Promise<PeopleTable> {
    const table = new PeopleTable(await TestCluster.start());
    try {
      await table.#fill();
      return table;
    } catch (error) {
      await table.stop();
      throw error;
    }
  }

  /** Rejects if anything is other than it was at the start. */
  async checkUnchanged(): Promise<void> {
    const now = await this.#contents();
    // Not compared by a matcher: a large cell left behind would be a large message.
    if (now !== this.#before) throw new Error(`something changed: ${now.slice(0, 2000)}`);
  }

  /** Sends octets as they are. `target` is the request target, one character an octet. */
  raw(method: string, target: string, lines: readonly string[] = [], body?: Buffer) {
    const { host } = new URL(this.rest.url);
    const head = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...lines];
    if (body === undefined) return exchange(this.rest.url, { head });
    const length = `Content-Length: ${body.length}`;
    return exchange(this.rest.url, { head: [...head, length], body });
  }

  /** Resolves to what the servers complained of. */
  async stop(): Promise<string[]> {
    const complaints = complaintsOf(this.#cluster);
    await this.rest[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
    return complaints;
  }

  async #fill(): Promise<void> {
    const families = { d: {}, stats: { maxVersions: 3 } };
    expectSuccess(await this.rest.post("/tables", { name: "people", families }));
    for (const key of PEOPLE) {
      const columns = { "d:name": key, "stats:n": { int64: "7" }, "stats:text": "seven" };
      expectSuccess(await this.rest.put(`${ROWS}/${key}`, { columns }));
    }
    this.#before = await this.#contents();
  }

  /** All tables, and every version of every cell. */
  async #contents(): Promise<string> {
    const tables = await this.rest.get("/tables");
    const rows = await this.rest.get(`${ROWS}?view=cells&versions=all&limit=10000`);
    return [tables, rows].map(expectSuccess).join("\n");
  }
}

function expectSuccess({ status, text }: Reply): string {
  if (status >= 300) throw new Error(`${status} ${text}`);
  return text;
}
