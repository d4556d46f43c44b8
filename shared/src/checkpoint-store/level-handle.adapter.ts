/** LevelDB's handle as the store uses it, and its errors in the store's terms. */
import type { Level } from "level";
import { StoreClosedError, StoreReadError } from "./checkpoint-store.ts";

/** What `level` offers on Node beyond its types, which are those that browsers share. */
interface LevelOnNode {
  compactRange(start: Buffer, end: Buffer): Promise<void>;
  approximateSize(start: Buffer, end: Buffer): Promise<number>;
}

export type LevelHandle = Level<Buffer, Buffer> & LevelOnNode;

/** What a failed read is to the store's callers. */
export function readErrorOf(error: unknown): unknown {
  const code = codeOf(error);
  if (code === "LEVEL_ITERATOR_NOT_OPEN" || code === "LEVEL_DATABASE_NOT_OPEN") {
    return new StoreClosedError("the store or its iterator is closed", { cause: error });
  }
  if (code !== "LEVEL_CORRUPTION" && code !== "LEVEL_IO_ERROR") return error;
  const isDamage = isLevelDamage(error);
  return new StoreReadError(`LevelDB cannot read: ${messageOf(error)}`, { isDamage, cause: error });
}

/** A table that is shorter than its manifest says, or is gone, is an error of reading a file to LevelDB. */
const BROKEN_TABLE = /\.(ldb|sst): (Invalid argument|No such file or directory)$/;

/** Whether the store's files are damaged, so that trying again would meet the same. */
export function isLevelDamage(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "LEVEL_CORRUPTION") return true;
  return code === "LEVEL_IO_ERROR" && BROKEN_TABLE.test(messageOf(error));
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
