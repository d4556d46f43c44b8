import type { WriteOperation } from "../../check/history/row-operation.ts";
import { MemoryStore } from "../../workloads/testing/memory-store.ts";
import { runWorkloads } from "../../workloads/testing/workload-run.ts";
import { expect, test } from "vitest";
import { batchOperation, writeCall } from "./rest-spelling.ts";

/** Writes in memory what it can say in one call of the REST API. */
class SpellingStore extends MemoryStore {
  readonly methods = new Set<string>();
  batched = 0;

  override write(...call: Parameters<MemoryStore["write"]>): ReturnType<MemoryStore["write"]> {
    const [table, operation] = call;
    this.methods.add(writeCall(table, operation).method);
    return super.write(...call);
  }

  override writeMany(
    ...call: Parameters<MemoryStore["writeMany"]>
  ): ReturnType<MemoryStore["writeMany"]> {
    const operations: readonly WriteOperation[] = call[1];
    for (const operation of operations) {
      const said: unknown = JSON.parse(batchOperation(operation));
      if (typeof said === "object" && said !== null) this.batched++;
    }
    return super.writeMany(...call);
  }
}

test("every write of every workload can be said in one call", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const stores: SpellingStore[] = [];
    await runWorkloads({
      seed,
      operations: 600,
      store: (clock, random) => {
        const store = new SpellingStore({ clock, random, unknownOneIn: 20, fault: null });
        stores.push(store);
        return store;
      },
    });
    const [store] = stores;
    expect([...(store?.methods ?? [])].sort()).toEqual(["DELETE", "PATCH", "PUT"]);
    expect(store?.batched).toBeGreaterThan(0);
  }
});
