import type { RowOperations, ServedBy } from "@stele/frontend/operations.ts";
import { version } from "@stele/shared/ids.ts";
import { beforeEach, expect, test } from "vitest";
import { TabletSessions } from "./tablet-sessions.ts";

type Read = Awaited<ReturnType<RowOperations["read"]>>;

let found: string[];
let sessions: TabletSessions;
const ALL = { columns: null, versions: null, timestamp: null, keysOnly: false };
const LIMITS = { deadlineMs: 1000, signal: new AbortController().signal };

beforeEach(() => {
  found = [];
  sessions = new TabletSessions((detail) => found.push(detail));
});

/** A read is called now; the function given answers it. */
function calls(tablet: number): (session: number) => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<Read>();
  const rows = { read: () => promise } as Pick<RowOperations, "read"> as RowOperations;
  const answer = sessions.watch(rows).read("t", Buffer.from("k"), ALL, LIMITS);
  return async (session) => {
    const servedBy: ServedBy = {
      server: "ts1",
      role: "leader",
      tablet,
      generation: 1,
      staleness: 0,
      session: version(session),
    };
    resolve({ row: null, servedBy });
    await answer;
  };
}

test("a call that began behind an answer is served in its state or a newer one", async () => {
  await calls(1)(10);
  await calls(1)(10);
  await calls(1)(12);
  await calls(2)(3);
  expect(found).toEqual([]);
  await calls(1)(11);
  expect(found).toEqual([
    "tablet 1: ts1 answers a call in the state of version 11, " +
      "and another had been answered in that of 12 when it began",
  ]);
});

test("calls that were under way at the same time may be served in any order", async () => {
  await calls(1)(10);
  const early = calls(1);
  await calls(1)(20);
  await early(15);
  expect(found).toEqual([]);
  await calls(1)(15);
  expect(found).toHaveLength(1);
});
