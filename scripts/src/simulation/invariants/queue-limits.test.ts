import { DEFAULT_HOST_LIMITS } from "@stele/shared/replication/host-parts.ts";
import { expect, test } from "vitest";
import { QueueLimits } from "./queue-limits.ts";

test("an inbox may be filled twice by what is no append, a cache once", () => {
  const found: string[] = [];
  const limits = { ...DEFAULT_HOST_LIMITS, maxInboxBytes: 1000, payloadCacheBytes: 500 };
  const queues = new QueueLimits(limits, (detail) => found.push(detail));
  queues.check({ inboxBytes: 2000, payloadCacheBytes: 500 });
  expect(found).toEqual([]);
  queues.check({ inboxBytes: 2001, payloadCacheBytes: 500 });
  expect(found).toEqual(["2001 bytes wait in an inbox of 1000"]);
  queues.check({ inboxBytes: 0, payloadCacheBytes: 501 });
  expect(found[1]).toBe("501 bytes are in a cache of 500");
});
