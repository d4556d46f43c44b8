// Runs a TypeScript entry with Node 24: in this process if it is one, else in the pinned binary.
//
// The child shares our terminal and process group. Exit code and death by signal are passed on.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { constants } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SetupError } from "./setup-error.mjs";

/** From here on type stripping is stable and prints no warning. */
const NODE_MAJOR = 24;
const NODE_MINOR_MIN = 12;
const FORWARDED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/**
 * @param {string} root checkout
 * @param {string} entry path below root
 * @param {readonly string[]} args
 */
export async function runWithNode24(root, entry, args) {
  const cache = join(root, "node_modules", ".cache", "node-compile-cache");
  // Also inherited by the server processes that the entry starts.
  process.env.NODE_COMPILE_CACHE ??= cache;
  const path = join(root, entry);
  if (isNode24()) {
    nodeModule.enableCompileCache?.(cache);
    process.argv = [process.argv[0], path, ...args];
    await import(pathToFileURL(path).href);
    return;
  }
  await runChild(pinnedNode(root), [path, ...args]);
}

function isNode24() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major === NODE_MAJOR && minor >= NODE_MINOR_MIN;
}

function pinnedNode(root) {
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(root, "node_modules", name, "bin", "node");
  if (existsSync(path)) return path;
  throw new SetupError(
    `this project runs on Node ${NODE_MAJOR} (${NODE_MAJOR}.${NODE_MINOR_MIN} or later), this is ` +
      `${process.version} and npm has no binary for ${process.platform}-${process.arch}.\n` +
      `  Install Node ${NODE_MAJOR} and start again.`,
  );
}

function runChild(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, childOptions(args));
    const handlers = FORWARDED_SIGNALS.map((signal) => {
      const handler = () => {
        if (!reachesGroup(signal)) child.kill(signal);
      };
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const remove of handlers) remove();
      if (signal !== null) {
        process.exitCode = 128 + constants.signals[signal];
        process.kill(process.pid, signal);
      } else {
        process.exitCode = code;
      }
      resolve(undefined);
    });
  });
}

/** A server or launcher ends with us, even by SIGKILL: see launcher-pipe.adapter.ts. */
function childOptions([, command]) {
  if (command !== "start") return { stdio: "inherit" };
  return {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, STELE_LAUNCHER_PIPE: "1" },
  };
}

/**
 * A terminal sends Ctrl-C and Ctrl-\ to its whole foreground group, the child included.
 * Forwarding it as well would make one Ctrl-C look like two.
 */
function reachesGroup(signal) {
  if (signal !== "SIGINT" && signal !== "SIGQUIT") return false;
  try {
    // Fields after the ")" of /proc/self/stat: state ppid pgrp session tty_nr tpgid ...
    const fields = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1).split(" ");
    return fields[2] === fields[5];
  } catch {
    return process.stdin.isTTY === true;
  }
}
