// A cluster with two front-ends and two tables of four tablets: `people`, filled, and `scratch`.
import { TestCluster } from "../launch/test-cluster.ts";
import { Rest } from "./rest.ts";
import type { Reply } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

export const ROWS = "/tables/people/rows";
export const SCRATCH = "/tables/scratch/rows";
/** Of the rows of `people`, 26 x 4 over the four tablets: a0..a3, b0.. */
export const KEYS: readonly string[] = Array.from("abcdefghijklmnopqrstuvwxyz").flatMap((letter) =>
  ["0", "1", "2", "3"].map((digit) => letter + digit),
);

export class PeopleCluster {
  readonly cluster: TestCluster;
  readonly rest: Rest;
  /** The same cluster by way of another front-end. */
  readonly other: Rest;

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.rest = new Rest(cluster.process("fe1").url);
    this.other = new Rest(cluster.process("fe2").url);
  }

  static async start(): Promise<PeopleCluster> {
    const started = new PeopleCluster(await TestCluster.start({ tabletServers: 3, frontends: 2 }));
    try {
      await started.#fill();
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  /** Resolves to what the servers complained of. */
  async stop(): Promise<string[]> {
    const complaints = complaintsOf(this.cluster);
    for (const each of [this.rest, this.other]) await each[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
    return complaints;
  }

  async #fill(): Promise<void> {
    const families = { d: {}, n: {} };
    for (const name of ["people", "scratch"]) {
      const table = { name, families, splitKeys: ["g", "n", "t"] };
      expectSuccess(await this.rest.post("/tables", table));
    }
    const ops = KEYS.map((key) => ({ put: { key, columns: { "d:x": key, "n:y": "1" } } }));
    expectSuccess(await this.rest.post(`${ROWS}:batch`, { ops }));
  }
}

function expectSuccess({ status, text }: Reply): void {
  if (status !== 200 && status !== 201) throw new Error(`${status} ${text}`);
}
