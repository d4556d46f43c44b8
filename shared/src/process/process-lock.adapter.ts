/**
 * A lock on a directory that dies with its process, however that ends.
 *
 * Node offers no file locks, and a file that names its holder goes stale: a pid is reused, or belongs to
 * another container that shares the disk. LevelDB takes a kernel lock (fcntl; on Windows an exclusive
 * handle) on its file LOCK and the kernel releases it with the process, so an empty LevelDB in
 * `<directory>/lock` is the lock. Nothing is ever stored in it.
 *
 * L1. The holder writes who it is to `lock/holder` after it got the lock: text for people, no proof.
 * L2. LOCK itself is never opened or deleted here: closing any descriptor of it in this process would
 *     release the kernel's lock.
 * L3. Within one process the lock is held by `heldHere`, since fcntl locks do not exclude their owner.
 */
import { mkdir, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Level } from "level";

export class LockHeldError extends Error {
  override readonly name = "LockHeldError";
  /** What is known of the holder, such as "pid 4711 on host db-3". */
  readonly holder: string;

  constructor(directory: string, holder: string) {
    super(`${directory} is in use by ${holder}`);
    this.holder = holder;
  }
}

export interface ProcessLock {
  release(): Promise<void>;
}

const HOLDER = "holder";
/** Also keeps the handles from being collected, which would close them. */
const heldHere = new Map<string, Level>();

/** Creates `<directory>/lock`. Throws `LockHeldError` while another process, or this one, holds it. */
export async function lockDirectory(directory: string): Promise<ProcessLock> {
  const path = join(directory, "lock");
  await mkdir(path, { recursive: true });
  const key = await realpath(path);
  if (heldHere.has(key)) throw new LockHeldError(directory, "this process");
  const level = new Level(path, { writeBufferSize: 64 * 1024, cacheSize: 0 });
  heldHere.set(key, level);
  try {
    await acquire(level, directory, path);
  } catch (error) {
    heldHere.delete(key);
    throw error;
  }
  await writeFile(join(path, HOLDER), `pid ${process.pid} on host ${hostname()}\n`);
  return {
    release: async () => {
      await rm(join(path, HOLDER), { force: true });
      await level.close();
      heldHere.delete(key);
    },
  };
}

async function acquire(level: Level, directory: string, path: string): Promise<void> {
  let failure = await openFailure(level);
  if (failure !== null && !isHeld(failure)) {
    // Damaged by a power loss; nothing of value is in it.
    await removeAllButLock(path);
    failure = await openFailure(level);
  }
  if (failure === null) return;
  if (!isHeld(failure)) throw failure;
  const holder = await readFile(join(path, HOLDER), "utf8").catch(() => "another process");
  throw new LockHeldError(directory, holder.trim());
}

/** What LevelDB said; null: it is open. */
async function openFailure(level: Level): Promise<Error | null> {
  try {
    await level.open();
    return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.cause instanceof Error ? error.cause : error;
  }
}

function isHeld(error: Error): boolean {
  return "code" in error && error.code === "LEVEL_LOCKED";
}

async function removeAllButLock(path: string): Promise<void> {
  const names = await readdir(path);
  await Promise.all(
    names.filter((name) => name !== "LOCK").map((name) => rm(join(path, name), { force: true })),
  );
}
