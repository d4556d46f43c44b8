import { tabletId } from "@stele/shared/ids.ts";
import { DEFAULT_HOST_LIMITS } from "@stele/shared/replication/host-parts.ts";
import { BATCH_CHANNEL_LIMITS } from "@stele/shared/rpc/batch-channel-limits.ts";
import { RAFT_TRANSPORT_LIMITS } from "@stele/shared/rpc/raft-transport.ts";
import { TABLET_LIMITS } from "@stele/tablet-server/tablet/tablet-limits.ts";
import { expect, test } from "vitest";
import { problemOfChannel, QueueLimits } from "./queue-limits.ts";

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

function ofTablets(check: (queues: QueueLimits) => void): string[] {
  const found: string[] = [];
  check(new QueueLimits(DEFAULT_HOST_LIMITS, (detail) => found.push(detail)));
  return found;
}

test("a tablet may hold what was in flight when it was full, and never gives back more than it took", () => {
  const of = (writes: number, size: number) => ({
    tabletId: tabletId(3),
    limits: TABLET_LIMITS,
    writes: { waiting: { writes, bytes: 0 } },
    retries: { size, bytes: 0 },
  });
  const { outcomes, waitingWrites } = TABLET_LIMITS;
  const full = of(2 * waitingWrites + 16, 2 * outcomes + 16);
  expect(ofTablets((queues) => queues.checkTablet(full))).toEqual([]);
  expect(ofTablets((queues) => queues.checkTablet({ ...full, writes: null }))).toEqual([]);
  const over = of(2 * waitingWrites + 17, 2 * outcomes + 17);
  expect(ofTablets((queues) => queues.checkTablet(over))).toHaveLength(2);
  expect(ofTablets((queues) => queues.checkTablet(of(-1, 0)))).toEqual([
    `tablet 3 has -1 writes waiting, and may have ${waitingWrites}`,
  ]);
});

test("a channel has as many calls and bytes as it may, or one call that is larger", () => {
  const { openCalls, queuedBytes } = BATCH_CHANNEL_LIMITS;
  expect(problemOfChannel({ calls: openCalls, bytes: queuedBytes })).toBe(null);
  expect(problemOfChannel({ calls: 1, bytes: queuedBytes + 1 })).toBe(null);
  expect(problemOfChannel({ calls: openCalls + 1, bytes: 0 })).not.toBe(null);
  expect(problemOfChannel({ calls: 2, bytes: queuedBytes + 1 })).not.toBe(null);
  expect(problemOfChannel({ calls: 0, bytes: -1 })).toBe(
    "a channel has 0 calls open and -1 bytes to be sent",
  );
});

test("only a message alone may be larger than a transport's queue", () => {
  const { queuedMessages, queuedBytes } = RAFT_TRANSPORT_LIMITS;
  const of = (messages: number, bytes: number): string[] =>
    ofTablets((queues) => queues.checkTransport({ messages, bytes }));
  expect(of(queuedMessages, queuedBytes)).toEqual([]);
  expect(of(1, queuedBytes + 1)).toEqual([]);
  expect(of(2, queuedBytes + 1)).toHaveLength(1);
  expect(of(queuedMessages + 1, 0)).toHaveLength(1);
});
