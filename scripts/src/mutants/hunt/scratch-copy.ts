/**
 * A copy of the product's sources in a temporary directory, for bugs to be planted into.
 *
 * K1. Packages find each other inside the copy, never the checkout: their links are relative.
 * K2. Everything else they import is the checkout's, by links.
 * K3. It goes with this process at the latest, however that exits.
 */
import { rmSync } from "node:fs";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { edited } from "../mutant.ts";
import type { Mutant } from "../mutant.ts";

const PACKAGES = ["shared", "master", "tablet-server", "frontend", "scripts"] as const;
const OWN_SCOPE = "@stele";

export class ScratchCopy {
  readonly directory: string;
  /** K3. */
  readonly #onExit = (): void => rmSync(this.directory, { recursive: true, force: true });

  private constructor(directory: string) {
    this.directory = directory;
    process.on("exit", this.#onExit);
  }

  /** `root`: of the checkout. */
  static async make(root: string): Promise<ScratchCopy> {
    const copy = new ScratchCopy(await mkdtemp(join(tmpdir(), "stele-mutant-")));
    try {
      for (const name of PACKAGES) await copyPackage(join(root, name), join(copy.directory, name));
    } catch (error) {
      await copy.remove();
      throw error;
    }
    return copy;
  }

  /** Runs `act` with the bug in place, and takes it out again. Throws `MisfitError` before. */
  async having<T>(mutant: Mutant, act: () => Promise<T>): Promise<T> {
    const clean = new Map<string, string>();
    const sick = new Map<string, string>();
    for (const edit of mutant.edits) {
      const path = join(this.directory, edit.file);
      const text = sick.get(path) ?? (await readFile(path, "utf8"));
      if (!clean.has(path)) clean.set(path, text);
      sick.set(path, edited(text, edit));
    }
    try {
      for (const [path, text] of sick) await writeFile(path, text);
      return await act();
    } finally {
      for (const [path, text] of clean) await writeFile(path, text);
    }
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    process.off("exit", this.#onExit);
  }
}

async function copyPackage(from: string, to: string): Promise<void> {
  await mkdir(to);
  await cp(join(from, "package.json"), join(to, "package.json"));
  await cp(join(from, "src"), join(to, "src"), {
    recursive: true,
    filter: (path) => !/\.(test|bench)\.ts$|\/testdata$/.test(path),
  });
  await linkDependencies(join(from, "node_modules"), join(to, "node_modules"));
}

async function linkDependencies(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) {
    if (name.startsWith(".")) continue;
    if (name === OWN_SCOPE) await linkOwnPackages(join(from, name), join(to, name));
    else await symlink(await realpath(join(from, name)), join(to, name));
  }
}

/** K1. */
async function linkOwnPackages(from: string, to: string): Promise<void> {
  await mkdir(to);
  const up = join("..", "..", "..");
  for (const name of await readdir(from)) await symlink(join(up, name), join(to, name));
}
