/**
 * The published limits of the REST API (docs/REST_API.md), as `GET /v1/limits` shows them. Whatever
 * checks one of them takes it from here.
 */
import { MAX_KEY_BYTES } from "@stele/shared/row-key.ts";
import { MAX_PREDICATE_DEPTH } from "@stele/shared/row-operations.ts";

export const LIMITS = {
  keyBytes: MAX_KEY_BYTES,
  qualifierBytes: 16 * 1024,
  /** Raw cell calls; in JSON what fits the body. */
  valueBytes: 10 * 1024 * 1024,
  rowBytes: 64 * 1024 * 1024,
  jsonBodyBytes: 12 * 1024 * 1024,
  ndjsonLineBytes: 12 * 1024 * 1024,
  /** Of one `rows:batch` in JSON; a load in NDJSON has no limit. */
  operations: 10_000,
  keys: 10_000,
  ranges: 10_000,
  splitKeys: 10_000,
  families: 1000,
  columns: 10_000,
  pageRows: 10_000,
  defaultPageRows: 100,
  pageBytes: 4 * 1024 * 1024,
  urlAndHeaderBytes: 64 * 1024,
  idempotencyKeyBytes: 128,
  maxFailures: 10_000,
  predicateDepth: MAX_PREDICATE_DEPTH,
  timeoutMs: 3_600_000,
} as const;

/** Failed lines after which a load stops, unless `?maxFailures=` says otherwise. */
export const DEFAULT_MAX_FAILURES = 1000;

/** Row calls, unless `?timeout=` says otherwise. */
export const ROW_TIMEOUT_MS = 10_000;
/** Calls on tables and the cluster. */
export const ADMIN_TIMEOUT_MS = 60_000;
