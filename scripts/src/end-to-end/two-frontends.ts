// A cluster and the REST API of both its front-ends.
import { TestCluster } from "../launch/test-cluster.ts";
import type { TestClusterOptions } from "../launch/test-cluster.ts";
import { Rest } from "./rest.ts";
import { complaintsOf } from "./server-logs.ts";

export class TwoFrontends {
  readonly cluster: TestCluster;
  readonly rest: Rest;
  /** The same cluster by way of another front-end. */
  readonly other: Rest;

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.rest = new Rest(cluster.process("fe1").url);
    this.other = new Rest(cluster.process("fe2").url);
  }

  static async start(options: Omit<TestClusterOptions, "frontends">): Promise<TwoFrontends> {
    return new TwoFrontends(await TestCluster.start({ ...options, frontends: 2 }));
  }

  /** Resolves to what the servers complained of. */
  async stop(): Promise<string[]> {
    const complaints = complaintsOf(this.cluster);
    for (const each of [this.rest, this.other]) await each[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
    return complaints;
  }
}
