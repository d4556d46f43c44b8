/**
 * What becomes of one write when its turn on its row has come. Pure, but for what its context looks up.
 *
 * Order: what is known of its retry number, its deadline, its Idempotency-Key, then the write itself.
 *
 * O1. Writes of one row in one call take effect in their order, also when the call is sent again. One that changed
 *     nothing left no trace; once a later one of its row did, it has had its turn and gets no other.
 */
import type { Version } from "@stele/shared/ids.ts";
import type { WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import type { StoredRow } from "../storage/stored-row.ts";
import type { RowEffect } from "./effects.ts";
import { evaluateWrite } from "./evaluate-write.ts";
import {
  encodeIdempotencyRecord,
  lookUpIdempotency,
  type IdempotencyRecord,
} from "./idempotency.ts";
import type { LogAge } from "./log-age.ts";
import type { RetryLookup } from "./retry-table.ts";
import type { TabletState } from "./tablet-state.ts";
import type { PendingWrite } from "./write-call.ts";

const MAX_IDEMPOTENCY_BYTES = 64 * 1024 * 1024;
const KEYS_FULL_RETRY_MS = 60_000;

export interface DecisionContext {
  readonly state: TabletState;
  readonly nowMs: number;
  /** At `nowMs`. */
  readonly age: LogAge;
  /** The version that the row gets if it changes. */
  readonly version: Version;
  readonly idempotencyTtlMs: number;
  readonly retry: RetryLookup;
  /** The row as the entries formed so far leave it. */
  readonly row: StoredRow | null;
  /** Stored for the write's Idempotency-Key, or in an entry formed; null: none, or it has no key. */
  readonly stored: IdempotencyRecord | null;
}

export type WriteDecision =
  /** It holds whatever becomes of the row. */
  | { readonly kind: "settled"; readonly outcome: WriteOutcome }
  /** It changes nothing, and holds if what was read of the row does. */
  | { readonly kind: "read"; readonly outcome: WriteOutcome }
  | {
      readonly kind: "changes";
      readonly next: StoredRow | null;
      readonly effect: RowEffect;
      readonly result: WriteResult;
      /** To be stored with the effect; null: it has no Idempotency-Key. */
      readonly idempotency: (IdempotencyRecord & { readonly encoded: Buffer }) | null;
    };

export function decideWrite(pending: PendingWrite, context: DecisionContext): WriteDecision {
  const { age, retry, row, state, stored, version } = context;
  const { write } = pending.numbered;
  if (retry.kind === "decided") return { kind: "settled", outcome: retry.outcome };
  if (retry.kind === "abandoned") return GIVEN_UP;
  if (context.nowMs >= pending.progress.deadlineMs) return TOO_LATE;
  if (write.idempotency !== null) {
    const found = lookUpIdempotency(stored, write.idempotency, age);
    if (found.kind === "replay") {
      return { kind: "read", outcome: { kind: "done", result: found.result } };
    }
    if (found.kind === "mismatch") {
      return { kind: "read", outcome: { kind: "failed", error: found.error } };
    }
  }
  if (pending.isOvertaken) return OVERTAKEN;
  if (write.idempotency !== null) {
    if (state.idempotencyBytes >= MAX_IDEMPOTENCY_BYTES) return KEYS_FULL;
  }
  const evaluation = evaluateWrite(row, write, version, state.schema);
  switch (evaluation.kind) {
    case "refused":
      return { kind: "read", outcome: { kind: "failed", error: evaluation.error } };
    case "unchanged":
      return { kind: "read", outcome: { kind: "done", result: evaluation.result } };
    case "applied": {
      const { effect, next, result } = evaluation;
      return { kind: "changes", next, effect, result, idempotency: kept(pending, result, context) };
    }
  }
}

function kept(
  { numbered }: PendingWrite,
  result: WriteResult,
  { age, idempotencyTtlMs }: DecisionContext,
): (IdempotencyRecord & { readonly encoded: Buffer }) | null {
  const { idempotency, key } = numbered.write;
  if (idempotency === null) return null;
  const expiry = (age + idempotencyTtlMs) as LogAge;
  const record = { fingerprint: idempotency.fingerprint, expiry, result };
  return { ...record, encoded: encodeIdempotencyRecord(key, idempotency.key, record) };
}

const GIVEN_UP: WriteDecision = {
  kind: "settled",
  outcome: {
    kind: "failed",
    error: {
      code: "UNAVAILABLE",
      detail: "The write was given up by its front-end.",
      applied: "unknown",
    },
  },
};

/** O1. */
const OVERTAKEN: WriteDecision = {
  kind: "settled",
  outcome: {
    kind: "failed",
    error: {
      code: "UNAVAILABLE",
      detail:
        "The write changed nothing before a later one of its row in the same call took its turn, and why was lost " +
        "on the way.",
      applied: "no",
    },
  },
};

const TOO_LATE: WriteDecision = {
  kind: "settled",
  outcome: {
    kind: "failed",
    error: {
      code: "DEADLINE",
      detail: "The deadline passed before the write's turn came.",
      applied: "no",
    },
  },
};

const KEYS_FULL: WriteDecision = {
  kind: "settled",
  outcome: {
    kind: "failed",
    error: {
      code: "THROTTLED",
      detail: "The tablet keeps too many results for Idempotency-Keys.",
      applied: "no",
      retryAfterMs: KEYS_FULL_RETRY_MS,
    },
  },
};
