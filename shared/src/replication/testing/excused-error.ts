/**
 * Which errors may end a process, or one of its requests, without being a violation: what a fault of its disks brings
 * about, and nothing else that happens to come at the same time.
 *
 * E1. A broken invariant is never excused.
 * E2. A disk that fails is known by the error itself: the cause of what ends the process. Simulated disks fail only
 *     when they are told to.
 * E3. Damage shows as an error of reading. It is excused only while something may be damaged.
 */
import { InvariantError } from "../../assert.ts";
import { StoreReadError } from "../../checkpoint-store/checkpoint-store.ts";
import { EntryReadError, LogRefusedError } from "../../commit-log/commit-log.ts";
import { DiskError } from "../../commit-log/testing/memory-files.ts";
import { DamagedValueError } from "../sealed-value.ts";
import { DamagedReplicaError } from "../state-machine.ts";

export interface ErrorExcuses {
  /** Something of the process may be damaged. */
  readonly tainted: boolean;
  /** How damage shows in what machines keep, beside the errors of hosts. */
  readonly isMachineDamage: (error: unknown) => boolean;
}

export function isExcused(error: unknown, { tainted, isMachineDamage }: ErrorExcuses): boolean {
  const causes = causesOf(error);
  if (causes.some((cause) => cause instanceof InvariantError)) return false;
  return causes.some((cause) => {
    if (isOfFailedDisk(cause)) return true;
    return tainted && (isOfDamage(cause) || isMachineDamage(cause));
  });
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
    error instanceof DamagedReplicaError
  );
}
