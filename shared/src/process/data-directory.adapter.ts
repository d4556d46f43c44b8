/**
 * The directory that makes a process the server it is: its lock, its identity, and where its commit log
 * and its store lie. Address is not identity: a server may come back anywhere with its directory.
 *
 * D1. Opened by one process at a time (`process-lock.adapter.ts`).
 * D2. `serverId` is minted once, is durable before anyone hears of it, and stays with the contents: a
 *     directory whose contents are set aside goes on under a new one, since its votes are forgotten.
 * D3. `clusterId` is set once and never changes.
 * D4. Contents without an identity are never adopted.
 */
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { serverId } from "../ids.ts";
import { makeDirectories } from "../make-directories.adapter.ts";
import type { Random } from "../random.ts";
import { DamagedFileError, DurableJsonFile } from "./durable-json-file.adapter.ts";
import { FORMAT_VERSION, formatVersionOnly, identityFile } from "./identity.ts";
import type { Identity, IdentityFile } from "./identity.ts";
import { lockDirectory, LockHeldError } from "./process-lock.adapter.ts";
import type { ProcessLock } from "./process-lock.adapter.ts";
import type { ServerRole } from "../server-role.ts";
import { syncDirectory } from "../sync-directory.adapter.ts";

/** The directory cannot be used as asked; the message says what to do. */
export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";
}

export interface DataDirectoryOptions {
  /** Made if missing. */
  readonly path: string;
  readonly role: ServerRole;
  /** The operator's name of the server; null: as the directory says, or made from the server id. */
  readonly name: string | null;
  readonly random: Random;
}

/** What this process keeps in a data directory. */
export type DataDirectoryPart = "commit-log" | "store" | "addresses.json";

/** Files of the directory itself; everything else is content. */
const OWN_FILES = new Set(["identity.json", ".identity.json.new", "lock"]);
const SET_ASIDE = /^set-aside-/;

/** Throws `DataDirectoryError` if the directory cannot be made, is in use, another server's, or of a newer version. */
export async function openDataDirectory(options: DataDirectoryOptions): Promise<DataDirectory> {
  const { path } = options;
  makeUsable(path);
  const lock = await lockDirectory(path).catch((error: unknown) => {
    if (!(error instanceof LockHeldError)) throw error;
    throw new DataDirectoryError(
      `${path} is in use by ${error.holder}. Stop that process, or choose another --data-dir.`,
    );
  });
  try {
    const file = new DurableJsonFile(join(path, "identity.json"), identityFile);
    const found = await readIdentity(file, path);
    if (found !== null) requireMatch(found, options);
    const identity = found ?? (await mintIdentity(file, options));
    const directory = new DataDirectory({
      lock,
      file,
      identity,
      isNew: found === null,
      ...options,
    });
    await directory.finishSettingAside();
    return directory;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function makeUsable(path: string): void {
  try {
    makeDirectories(path);
  } catch (error) {
    const { message } = error as Error;
    throw new DataDirectoryError(`cannot use ${path} as --data-dir: ${message}`, { cause: error });
  }
}

interface OpenedParts extends DataDirectoryOptions {
  readonly lock: ProcessLock;
  readonly file: DurableJsonFile<IdentityFile>;
  readonly identity: IdentityFile;
  readonly isNew: boolean;
}

export class DataDirectory {
  readonly path: string;
  /** Whether the identity was minted by this opening: nothing was here before. */
  readonly isNew: boolean;
  readonly #lock: ProcessLock;
  readonly #file: DurableJsonFile<IdentityFile>;
  readonly #random: Random;
  #identity: IdentityFile;

  /** Use `openDataDirectory`. */
  constructor({ path, isNew, lock, file, random, identity }: OpenedParts) {
    this.path = path;
    this.isNew = isNew;
    this.#lock = lock;
    this.#file = file;
    this.#random = random;
    this.#identity = identity;
  }

  get identity(): Identity {
    return this.#identity;
  }

  pathOf(part: DataDirectoryPart): string {
    return join(this.path, part);
  }

  /** Durable when resolved. The same id again changes nothing; another one is refused (D3). */
  async setClusterId(clusterId: string): Promise<void> {
    const current = this.#identity.clusterId;
    if (current === clusterId) return;
    if (current !== null) {
      throw new DataDirectoryError(
        `${this.path} belongs to cluster ${current} and cannot join cluster ${clusterId}. ` +
          "Start with an empty --data-dir to join that one.",
      );
    }
    await this.#replaceIdentity({ ...this.#identity, clusterId });
  }

  /**
   * Keeps the damaged contents in `set-aside-<old server id>` and goes on as a server whose disk was
   * wiped: same name and cluster, new server id (D2). REQUIRES: the log and the store are not open.
   * Returns where the contents are.
   */
  async setContentsAside(): Promise<string> {
    const { serverId: old } = this.#identity;
    const setAside = `set-aside-${old}`;
    await this.#replaceIdentity({
      ...this.#identity,
      serverId: serverId(this.#random.uuid()),
      setAside,
    });
    await this.finishSettingAside();
    return join(this.path, setAside);
  }

  /** Moves what a `setContentsAside`, perhaps cut short by a crash, still has to move. */
  async finishSettingAside(): Promise<void> {
    const { setAside } = this.#identity;
    if (setAside === null) return;
    const target = join(this.path, setAside);
    await mkdir(target, { recursive: true });
    for (const name of await contentsOf(this.path)) {
      await rename(join(this.path, name), join(target, name));
    }
    await syncDirectory(target);
    await syncDirectory(this.path);
    await this.#replaceIdentity({ ...this.#identity, setAside: null });
  }

  /** Lets another process open the directory. */
  close(): Promise<void> {
    return this.#lock.release();
  }

  async #replaceIdentity(identity: IdentityFile): Promise<void> {
    await this.#file.write(identity);
    this.#identity = identity;
  }
}

/** Names in the directory that are neither its own files nor contents set aside before. */
async function contentsOf(path: string): Promise<string[]> {
  const names = await readdir(path);
  return names.filter((name) => !OWN_FILES.has(name) && !SET_ASIDE.test(name)).sort();
}

async function mintIdentity(
  file: DurableJsonFile<IdentityFile>,
  { path, role, name, random }: DataDirectoryOptions,
): Promise<IdentityFile> {
  const contents = await contentsOf(path);
  if (contents.length > 0) {
    throw new DataDirectoryError(
      `${path} is not empty (${contents.slice(0, 3).join(", ")}) and has no identity.json. ` +
        "Choose an empty --data-dir, or bring back the identity.json that belongs to these files.",
    );
  }
  const minted = serverId(random.uuid());
  const identity: IdentityFile = {
    formatVersion: FORMAT_VERSION,
    serverId: minted,
    role,
    name: name ?? `${role}-${minted.slice(0, 8)}`,
    clusterId: null,
    setAside: null,
  };
  await file.write(identity);
  return identity;
}

async function readIdentity(
  file: DurableJsonFile<IdentityFile>,
  path: string,
): Promise<IdentityFile | null> {
  try {
    // A newer format may have other fields: its version is read before anything else of it.
    const version = await new DurableJsonFile(file.path, formatVersionOnly).read();
    if (version !== null && version.formatVersion > FORMAT_VERSION) {
      throw new DataDirectoryError(
        `${path} was written in format ${version.formatVersion}; this version of Stele reads up to ` +
          `${FORMAT_VERSION}. Start it with the newer version again.`,
      );
    }
    return await file.read();
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new DataDirectoryError(
      `${error.message}. Bring back an undamaged copy of it, or start with an empty --data-dir: ` +
        "the other servers then rebuild this one's replicas.",
    );
  }
}

function requireMatch(found: Identity, { path, role, name }: DataDirectoryOptions): void {
  if (found.role !== role) {
    throw new DataDirectoryError(
      `${path} belongs to a ${found.role}, not to a ${role}. ` +
        `Start it with \`stele start ${found.role}\`, or choose another --data-dir.`,
    );
  }
  if (name !== null && found.name !== name) {
    throw new DataDirectoryError(
      `${path} belongs to the server named ${found.name}, not ${name}. ` +
        `Start it with --name ${found.name}, or choose another --data-dir.`,
    );
  }
}
