// Installs the dependencies once per lock file. Runs on Node 20 with nothing installed.
//
// A stamp inside node_modules holds a hash of the files that decide what is installed, so a
// later start costs one hash and no network. A lock file keeps two starts in one checkout from
// installing at the same time.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupError } from "./setup-error.mjs";

/** Exact, so that every checkout installs with the same resolver. */
const PNPM = "pnpm@12.21.0";
const PROGRESS_INTERVAL_MS = 10_000;
const LOCK_POLL_MS = 200;

/** @param {string} root */
export async function ensureInstalled(root) {
  const wanted = dependencyHash(root);
  if (installedHash(root) === wanted) return;
  const release = await acquireLock(root);
  try {
    if (installedHash(root) === wanted) return;
    await install(root);
    mkdirSync(join(root, "node_modules", ".cache"), { recursive: true });
    writeFileSync(stampPath(root), wanted);
  } finally {
    release();
  }
}

function stampPath(root) {
  return join(root, "node_modules", ".cache", "stele-installed");
}

function installedHash(root) {
  try {
    return readFileSync(stampPath(root), "utf8");
  } catch {
    return undefined;
  }
}

function dependencyHash(root) {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) {
    hash.update(readFileSync(join(root, file)));
  }
  // One checkout may be shared by hosts of different kinds; the Node binary differs.
  return hash.update(`${process.platform}-${process.arch}`).digest("hex");
}

/** Output is kept back and shown only on failure: resolver chatter says nothing to a newcomer. */
async function install(root) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  console.error("stele: installing dependencies (first start or changed lock file) ...");
  const progress = setInterval(
    () => console.error(`stele: still installing (${seconds()} s)`),
    PROGRESS_INTERVAL_MS,
  );
  const child = spawn("npx", ["-y", PNPM, "install", "--frozen-lockfile"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    // Without a network npm's own defaults take more than a minute to say so.
    env: { npm_config_fetch_retry_mintimeout: "1000", ...process.env },
    shell: process.platform === "win32",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  }
  const failure = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? undefined : `${signal ?? code}`));
  });
  clearInterval(progress);
  if (failure !== undefined) {
    console.error(output.trimEnd());
    throw new SetupError(
      `installing dependencies failed (npx ${PNPM} install: ${failure}).\n` +
        "  The first start needs the npm registry; check the network or proxy and start again.",
    );
  }
  console.error(`stele: dependencies installed in ${seconds()} s`);
}

/** Outside node_modules, which the installer may replace. Returns the release function. */
async function acquireLock(root) {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const path = join(tmpdir(), `stele-install-${name}.lock`);
  for (let waited = false; ; waited = true) {
    if (tryLock(path)) return () => rmSync(path, { force: true });
    if (!isHolderAlive(path)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!waited) console.error(`stele: waiting for another start that is installing (${path}) ...`);
    await sleep(LOCK_POLL_MS);
  }
}

/** A link appears with its content, so nobody ever reads a lock without a holder in it. */
function tryLock(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function isHolderAlive(path) {
  try {
    process.kill(Number(readFileSync(path, "utf8")), 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
