import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../random.ts";
import { DataDirectoryError, openDataDirectory } from "./data-directory.adapter.ts";
import type { DataDirectory, DataDirectoryOptions } from "./data-directory.adapter.ts";

let path: string;
let opened: DataDirectory[];

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "stele-data-"));
  opened = [];
});
afterEach(async () => {
  for (const directory of opened) await directory.close();
  rmSync(path, { recursive: true, force: true });
});

async function open(changes: Partial<DataDirectoryOptions> = {}): Promise<DataDirectory> {
  const role = "tablet-server";
  const directory = await openDataDirectory({
    path,
    role,
    name: "ts1",
    random: systemRandom,
    ...changes,
  });
  opened.push(directory);
  return directory;
}

async function reopen(changes: Partial<DataDirectoryOptions> = {}): Promise<DataDirectory> {
  await opened.pop()?.close();
  return open(changes);
}

/** The message, which must be there. */
async function refusal(opening: Promise<unknown>): Promise<string> {
  const error = await opening.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DataDirectoryError);
  return (error as Error).message;
}

const identityPath = (): string => join(path, "identity.json");

describe("a data directory", () => {
  test("that cannot be made is refused with the reason", async () => {
    const file = join(path, "file");
    writeFileSync(file, "");
    const below = join(file, "data");
    expect(await refusal(open({ path: below }))).toContain(
      `cannot use ${below} as --data-dir: ENOTDIR`,
    );
  });

  test("is the same server each time it is opened", async () => {
    const first = await open();
    const { identity } = first;
    expect(first.isNew).toBe(true);
    expect(identity).toMatchObject({ role: "tablet-server", name: "ts1", clusterId: null });
    const second = await reopen({ name: null });
    expect(second.isNew).toBe(false);
    expect(second.identity).toEqual(identity);
  });

  test("names its server after its id when the operator gave no name", async () => {
    const { identity } = await open({ name: null, role: "frontend" });
    expect(identity.name).toBe(`frontend-${identity.serverId.slice(0, 8)}`);
    expect((await reopen({ name: null, role: "frontend" })).identity).toEqual(identity);
  });

  test("joins one cluster, once", async () => {
    const directory = await open();
    await directory.setClusterId("c1");
    await directory.setClusterId("c1");
    expect(await refusal(directory.setClusterId("c2"))).toMatch(/cluster c1 .* empty --data-dir/);
    expect((await reopen()).identity.clusterId).toBe("c1");
  });

  test("sets damaged contents aside and goes on as another server of the same name", async () => {
    const directory = await open();
    await directory.setClusterId("c1");
    const before = directory.identity;
    mkdirSync(directory.pathOf("store"));
    writeFileSync(join(directory.pathOf("store"), "CURRENT"), "damaged");
    writeFileSync(directory.pathOf("commit-log"), "log");
    const aside = await directory.setContentsAside();
    expect(readFileSync(join(aside, "store", "CURRENT"), "utf8")).toBe("damaged");
    expect(readdirSync(aside)).toEqual(["commit-log", "store"]);
    const { identity } = await reopen();
    expect(identity).toEqual({ ...before, serverId: identity.serverId });
    expect(identity.serverId).not.toBe(before.serverId);
    expect(readdirSync(path).sort()).toEqual([
      "identity.json",
      "lock",
      `set-aside-${before.serverId}`,
    ]);
  });

  test("finishes setting contents aside after a crash in the middle of it", async () => {
    const directory = await open();
    const { serverId } = directory.identity;
    mkdirSync(directory.pathOf("store"));
    const stored = JSON.parse(readFileSync(identityPath(), "utf8")) as object;
    writeFileSync(identityPath(), JSON.stringify({ ...stored, setAside: "set-aside-x" }));
    expect((await reopen()).identity).toMatchObject({ serverId, setAside: null });
    expect(readdirSync(join(path, "set-aside-x"))).toEqual(["store"]);
  });
});

describe("a data directory is refused", () => {
  test("with the next step, when it is another server's", async () => {
    await open();
    await opened.pop()?.close();
    expect(await refusal(open({ role: "master" }))).toMatch(/`stele start tablet-server`/);
    expect(await refusal(open({ name: "ts2" }))).toMatch(/--name ts1/);
    expect((await open()).isNew).toBe(false);
  });

  test("when a newer version wrote it, whatever else that version changed", async () => {
    writeFileSync(identityPath(), JSON.stringify({ formatVersion: 9, id: "else" }));
    expect(await refusal(open())).toMatch(/format 9; .* up to 1/);
  });

  test("when its identity is damaged, and the file is left as it is", async () => {
    for (const text of ["", "{}", `{"formatVersion":1,"serverId":"X"}`]) {
      writeFileSync(identityPath(), text);
      expect(await refusal(open())).toMatch(/undamaged copy/);
      expect(readFileSync(identityPath(), "utf8")).toBe(text);
    }
  });

  test("when it holds files but no identity", async () => {
    writeFileSync(join(path, "commit-log"), "of someone");
    expect(await refusal(open())).toMatch(/not empty \(commit-log\)/);
    expect(readdirSync(path).sort()).toEqual(["commit-log", "lock"]);
  });

  test("while it is open in this process", async () => {
    await open();
    expect(await refusal(open())).toMatch(/in use by this process/);
    expect(await refusal(open())).toMatch(/in use by this process/);
  });

  test("while another process has it, by whichever pid; not once that one was killed", async () => {
    const module = fileURLToPath(new URL("data-directory.adapter.ts", import.meta.url));
    const random = fileURLToPath(new URL("../random.ts", import.meta.url));
    const code = `
      import { openDataDirectory } from ${JSON.stringify(module)};
      import { systemRandom as random } from ${JSON.stringify(random)};
      const options = { path: process.argv[1], role: "tablet-server", name: "ts1", random };
      globalThis.held = await openDataDirectory(options);
      setInterval(() => {}, 1000);
      console.log("open");`;
    const args = ["--input-type=module", "-e", code, path];
    const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(holder.stdout, "data");
      expect(await refusal(open())).toContain(`in use by pid ${holder.pid} on host`);
    } finally {
      const exit = once(holder, "exit");
      holder.kill("SIGKILL");
      await exit;
    }
    expect((await open()).isNew).toBe(false);
  });
});

test("a lock whose files a power loss damaged is taken all the same", async () => {
  await open();
  await opened.pop()?.close();
  for (const name of readdirSync(join(path, "lock"))) {
    if (name !== "LOCK") writeFileSync(join(path, "lock", name), "");
  }
  expect((await open()).isNew).toBe(false);
});
