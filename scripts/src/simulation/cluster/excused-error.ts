/**
 * Which errors may end a process, or one of its requests, without being a violation: what a fault of its disks brings
 * about, and nothing else that happens to come at the same time.
 *
 * E1. A broken invariant is never excused.
 * E2. A disk that fails is known by the error itself: the cause of what ends the process. Simulated disks fail only
 *     when they are told to.
 * E3. Damage shows as an error of reading. It is excused only while something may be damaged.
 */
import { InvariantError } from "@stele/shared/assert.ts";
import { StoreReadError } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { EntryReadError, LogRefusedError } from "@stele/shared/commit-log/commit-log.ts";
import { DiskError } from "@stele/shared/commit-log/testing/memory-files.ts";
import { DamagedValueError } from "@stele/shared/replication/sealed-value.ts";
import { DamagedReplicaError } from "@stele/shared/replication/state-machine.ts";
import { CorruptRecordError } from "@stele/tablet-server/storage/corrupt-record-error.ts";

export function isExcused(
  error: unknown,
  { tainted: mayBeDamaged }: { readonly tainted: boolean },
): boolean {
  const causes = causesOf(error);
  if (causes.some((cause) => cause instanceof InvariantError)) return false;
  return causes.some((cause) => isOfFailedDisk(cause) || (mayBeDamaged && isOfDamage(cause)));
}

/** From the error itself to what was thrown first. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  let cause = error;
  while (cause !== undefined && !causes.includes(cause)) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

/** A file that is not there (ENOENT) is looked for by mistake. */
function isOfFailedDisk(error: unknown): boolean {
  return error instanceof DiskError && error.code !== "ENOENT";
}

function isOfDamage(error: unknown): boolean {
  if (error instanceof EntryReadError) return error.reason === "damaged";
  if (error instanceof StoreReadError) return error.isDamage;
  return (
    error instanceof LogRefusedError ||
    error instanceof DamagedValueError ||
    error instanceof DamagedReplicaError ||
    error instanceof CorruptRecordError
  );
}
