/**
 * `Idempotency-Key` (docs/REST_API.md) and the fingerprint that tells a retry from another request
 * under the same key: a digest over method, conditions and mutations.
 *
 * I1. Spelling does not count: bytes as text or base64, the order of columns in an object.
 */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { unreachable } from "@stele/shared/assert.ts";
import type { Conditions, Mutation, Predicate, RowWrite } from "@stele/shared/row-operations.ts";
import { columnIdentity } from "./column-name.ts";
import { invalidInput } from "./invalid-input.ts";
import { LIMITS } from "./limits.ts";

const VISIBLE = /^[!-~]+$/;

export type WriteMethod = "PUT" | "POST" | "PATCH" | "DELETE";

/** Null: the request has none. */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | null {
  const key = headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key === "string" && isIdempotencyKey(key)) return key;
  throw invalidInput("Idempotency-Key", IDEMPOTENCY_KEY_RULE, "INVALID_REQUEST");
}

export function isIdempotencyKey(key: string): boolean {
  return key.length <= LIMITS.idempotencyKeyBytes && VISIBLE.test(key);
}

export const IDEMPOTENCY_KEY_RULE = `must be 1 to ${LIMITS.idempotencyKeyBytes} visible ASCII characters`;

/** The write with its key and fingerprint, or as it is without a key. */
export function withIdempotency(
  write: RowWrite,
  method: WriteMethod,
  key: string | null,
): RowWrite {
  if (key === null) return write;
  return { ...write, idempotency: { key, fingerprint: fingerprint(write, method) } };
}

function fingerprint(write: RowWrite, method: WriteMethod): Buffer {
  const canonical = JSON.stringify([
    method,
    canonicalConditions(write.conditions),
    write.predicate === null ? null : canonicalPredicate(write.predicate),
    canonicalMutations(write.mutations),
    canonicalMutations(write.otherwise),
  ]);
  return createHash("sha256").update(canonical).digest();
}

function canonicalConditions({ ifMatch, ifNoneMatch, absent }: Conditions): unknown {
  const sorted = (condition: Conditions["ifMatch"]) =>
    condition === null || condition === "any" ? condition : [...condition].sort((a, b) => a - b);
  return [sorted(ifMatch), sorted(ifNoneMatch), absent];
}

/** Runs of one kind in a fixed order: within one, no column or version is set twice. */
function canonicalMutations(mutations: readonly Mutation[]): readonly string[] {
  const canonical: string[] = [];
  let run: string[] = [];
  let kind: Mutation["kind"] | null = null;
  for (const mutation of mutations) {
    if (mutation.kind !== kind) {
      canonical.push(...run.sort());
      run = [];
      kind = mutation.kind;
    }
    run.push(canonicalMutation(mutation));
  }
  canonical.push(...run.sort());
  return canonical;
}

function canonicalMutation(mutation: Mutation): string {
  switch (mutation.kind) {
    case "set":
    case "append": {
      const { kind, column, value, timestamp } = mutation;
      const int64 = kind === "set" && mutation.int64;
      return JSON.stringify([kind, columnIdentity(column), base64(value), int64, timestamp]);
    }
    case "increment": {
      const { kind, column, amount, timestamp } = mutation;
      return JSON.stringify([kind, columnIdentity(column), String(amount), timestamp]);
    }
    case "delete-column": {
      const { kind, column, from, to } = mutation;
      return JSON.stringify([kind, columnIdentity(column), from, to]);
    }
    case "delete-family":
      return JSON.stringify([mutation.kind, mutation.family]);
    case "delete-row":
      return JSON.stringify([mutation.kind]);
    default:
      return unreachable(mutation);
  }
}

function canonicalPredicate(predicate: Predicate): unknown {
  switch (predicate.kind) {
    case "column-equals":
      return [predicate.kind, columnIdentity(predicate.column), base64(predicate.value)];
    case "column-exists":
      return [predicate.kind, columnIdentity(predicate.column), predicate.exists];
    case "row-exists":
      return [predicate.kind, predicate.exists];
    case "row-version":
      return [predicate.kind, predicate.version];
    case "all":
    case "any":
      return [predicate.kind, predicate.of.map(canonicalPredicate)];
    case "not":
      return [predicate.kind, canonicalPredicate(predicate.of)];
    default:
      return unreachable(predicate);
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64");
}
