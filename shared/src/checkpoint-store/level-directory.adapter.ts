/**
 * The directory of a LevelDB store, looked at and prepared from outside LevelDB.
 *
 * REQUIRES: the caller holds the data directory's lock; nothing else touches these files.
 *
 * D1. LevelDB's own logs are deleted before every open: a flipped bit or a page that never reached
 *     the disk would drop batches from their middle without an error.
 * D2. What LevelDB would answer with a silent new store (tables without CURRENT) is refused.
 */
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../sync-directory.adapter.ts";
import { StoreRefusedError } from "./checkpoint-store.ts";

const LOG = /^(\d+)\.log$/;
const TABLE = /^\d+\.(ldb|sst)$/;
/** Written when LevelDB met damage while it was open; it would meet it again at every start. */
const DAMAGE_NOTE = "DAMAGED";

export interface PrepareOptions {
  /** Refuse an empty directory: something outside knows that the store was filled. */
  readonly mustExist: boolean;
}

/** Throws `StoreRefusedError` when the files cannot be a whole store. */
export async function prepareLevelDirectory(
  directory: string,
  { mustExist }: PrepareOptions,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const names = await readdir(directory);
  if (names.includes(DAMAGE_NOTE)) {
    throw new StoreRefusedError(directory, await readFile(join(directory, DAMAGE_NOTE), "utf8"));
  }
  if (names.includes("CURRENT")) await requireManifest(directory, names);
  else if (names.some((name) => TABLE.test(name))) {
    throw new StoreRefusedError(directory, "it has tables but no CURRENT file");
  } else if (mustExist) {
    throw new StoreRefusedError(directory, "it is empty, yet the store was in use before");
  }
  await Promise.all(
    names.filter((name) => LOG.test(name)).map((name) => rm(join(directory, name))),
  );
  await syncDirectory(directory);
}

async function requireManifest(directory: string, names: readonly string[]): Promise<void> {
  const current = await readFile(join(directory, "CURRENT"), "utf8");
  if (names.includes(current.trimEnd())) return;
  throw new StoreRefusedError(directory, `CURRENT names ${JSON.stringify(current)}: not there`);
}

/** Numbers of LevelDB's log files. */
export async function listLevelLogs(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => LOG.exec(name)?.[1] ?? []).map(Number);
}

/** Makes the next `prepareLevelDirectory` refuse. */
export async function noteDamage(directory: string, detail: string): Promise<void> {
  const file = await open(join(directory, DAMAGE_NOTE), "w");
  try {
    await file.writeFile(detail);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(directory);
}
