/**
 * Clients that ask for a row of every tablet through every front-end, again and again, and whose answers are judged by
 * the state that they tell of alone (invariants/tablet-sessions.ts). Clients of workloads stop at the first call that
 * hangs, as writes to a leader without followers do: so they ask a leader that is deposed hardly ever.
 *
 * P1. A probe changes nothing: it reads, or it writes under a condition that never holds, which a leader answers from
 *     what it has read.
 * P2. What becomes of a probe is nobody's concern; it waits for a bounded while.
 */
import { delay, type Clock } from "@stele/shared/clock.ts";
import type { Random } from "@stele/shared/random.ts";
import type { StoreClient } from "../workloads/store-client.ts";
import { COLUMNS, set, write } from "../workloads/writes.ts";

export interface ProbedRow {
  readonly table: string;
  readonly key: string;
}

/** Those of one kind wait for each other: one that hangs leaves the others to go on. */
export const PROBE_KINDS = ["read", "write"] as const;

export interface ProbeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly client: StoreClient;
  readonly row: ProbedRow;
  readonly kind: (typeof PROBE_KINDS)[number];
  /** Between two probes at most. */
  readonly pauseMs: number;
  readonly isOver: () => boolean;
  readonly answered: () => void;
}

const CALL = { patienceMs: 1_000, request: null };
/** No workload ever writes it. */
const NOBODYS_VALUE = '"probe"';

/** Resolves when the run is over and the last probe has ended. */
export async function probe(parts: ProbeParts): Promise<void> {
  const { answered, client, clock, isOver, kind, pauseMs, random, row } = parts;
  const { key, table } = row;
  const test = { column: COLUMNS.value, equals: NOBODYS_VALUE };
  const condition = { ...write(key, [set(NOBODYS_VALUE)]), test };
  while (!isOver()) {
    await delay(clock, random.below(pauseMs));
    if (isOver()) return;
    const answer =
      kind === "write"
        ? await client.write(table, condition, CALL)
        : await client.get(table, { kind: "get", key, columns: null }, CALL);
    if (answer !== null && answer.kind !== "failed") answered();
  }
}
