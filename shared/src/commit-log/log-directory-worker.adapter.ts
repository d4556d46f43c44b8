/**
 * The thread that does the commit log's file calls, synchronously and in order. Started by
 * log-directory.adapter.ts.
 */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { must, unreachable } from "../assert.ts";
import type {
  DirectoryCall,
  DirectoryOperation,
  DirectoryReply,
  DirectoryValue,
} from "./log-directory-call.ts";
import { TEMPORARY_SUFFIX } from "./log-format.ts";

/** The active segment, and segments that were read lately. */
const OPEN_FILES_MAX = 8;

const port = must(parentPort, "runs in a worker thread");
const { path: directory } = workerData as { readonly path: string };
/** Least recently used first. */
const openFiles = new Map<string, number>();

if (mkdirSync(directory, { recursive: true }) !== undefined) syncDirectory(dirname(directory));
port.on("message", ({ id, operation }: DirectoryCall) => {
  const reply = answer(id, operation);
  const moved =
    reply.kind === "done" && reply.value instanceof Uint8Array
      ? [reply.value.buffer as ArrayBuffer]
      : [];
  port.postMessage(reply, moved);
  if (operation.kind === "close") port.close();
});

function answer(id: number, operation: DirectoryOperation): DirectoryReply {
  try {
    return { id, kind: "done", value: perform(operation) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
    return { id, kind: "failed", message, code };
  }
}

function perform(operation: DirectoryOperation): DirectoryValue {
  switch (operation.kind) {
    case "list":
      return readdirSync(directory);
    case "read-file": {
      const fd = fileOf(operation.name);
      return readFully(fd, 0, fstatSync(fd).size);
    }
    case "read-at":
      return readFully(fileOf(operation.name), operation.offset, operation.length);
    case "create":
      createDurably(operation.name, operation.bytes);
      return null;
    case "write": {
      const fd = fileOf(operation.name);
      writeFully(fd, operation.offset, operation.bytes);
      if (operation.sync === "datasync") fdatasyncSync(fd);
      return null;
    }
    case "truncate": {
      const fd = fileOf(operation.name);
      ftruncateSync(fd, operation.length);
      fsyncSync(fd);
      return null;
    }
    case "remove":
      forget(operation.name);
      unlinkSync(join(directory, operation.name));
      syncDirectory(directory);
      return null;
    case "close":
      for (const name of openFiles.keys()) forget(name);
      return null;
    default:
      return unreachable(operation);
  }
}

/** An existing file; never creates one, because its directory entry would not be durable. */
function fileOf(name: string): number {
  const open = openFiles.get(name);
  const fd = open ?? openSync(join(directory, name), "r+");
  openFiles.delete(name);
  openFiles.set(name, fd);
  for (const oldest of openFiles.keys()) {
    if (openFiles.size <= OPEN_FILES_MAX) break;
    forget(oldest);
  }
  return fd;
}

function forget(name: string): void {
  const fd = openFiles.get(name);
  if (fd === undefined) return;
  openFiles.delete(name);
  closeSync(fd);
}

function createDurably(name: string, bytes: Uint8Array): void {
  const target = join(directory, name);
  const fd = openSync(target + TEMPORARY_SUFFIX, "w");
  try {
    writeFully(fd, 0, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  // An open file of this name is the one that is about to be replaced.
  forget(name);
  renameSync(target + TEMPORARY_SUFFIX, target);
  syncDirectory(directory);
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes may be short. */
function writeFully(fd: number, offset: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

/** Fewer bytes only at the end of the file. */
function readFully(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
