/**
 * The log's directory on a real disk. Every call runs in one worker thread, with synchronous file
 * calls: on the shared thread pool, beside the store, fdatasync waits behind compactions (measured:
 * p99 823 ms there, 4 ms in a worker).
 *
 * A1. The worker takes calls one by one, in order (D1).
 * A2. If the worker ends, for whatever reason, every pending and later call rejects.
 */
import { Worker } from "node:worker_threads";
import { assert } from "../assert.ts";
import type { LogDirectory } from "./disk.ts";
import type { DirectoryOperation, DirectoryReply, DirectoryValue } from "./log-directory-call.ts";

interface PendingCall {
  readonly resolve: (value: DirectoryValue) => void;
  readonly reject: (error: Error) => void;
}

export class FileLogDirectory implements LogDirectory {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #ended: Error | null = null;

  /** `path`: a directory, created if it is missing. */
  constructor(path: string) {
    this.#worker = new Worker(new URL("./log-directory-worker.adapter.ts", import.meta.url), {
      workerData: { path },
    });
    this.#worker.on("message", (reply: DirectoryReply) => this.#settle(reply));
    this.#worker.on("error", (cause) => {
      this.#end(new Error(`the commit log's thread failed: ${String(cause)}`, { cause }));
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#end(new Error(`the commit log's thread ended with code ${code}`));
        resolve();
      });
    });
  }

  async list(): Promise<string[]> {
    const names = await this.#call({ kind: "list" });
    assert(Array.isArray(names), "a list of names");
    return names;
  }

  async readFile(name: string): Promise<Buffer> {
    return asBuffer(await this.#call({ kind: "read-file", name }));
  }

  async readAt(name: string, offset: number, length: number): Promise<Buffer> {
    return asBuffer(await this.#call({ kind: "read-at", name, offset, length }));
  }

  async createDurably(name: string, bytes: Buffer): Promise<void> {
    await this.#callWith({ kind: "create", name, bytes: owned(bytes) });
  }

  async writeAndSync(name: string, offset: number, bytes: Buffer): Promise<void> {
    const sync = "datasync";
    await this.#callWith({ kind: "write", name, offset, bytes: owned(bytes), sync });
  }

  async write(name: string, offset: number, bytes: Buffer): Promise<void> {
    await this.#callWith({ kind: "write", name, offset, bytes: owned(bytes), sync: "none" });
  }

  async truncateDurably(name: string, length: number): Promise<void> {
    await this.#call({ kind: "truncate", name, length });
  }

  async remove(name: string): Promise<void> {
    await this.#call({ kind: "remove", name });
  }

  async close(): Promise<void> {
    try {
      if (this.#ended === null) await this.#call({ kind: "close" });
    } finally {
      await this.#exited;
    }
  }

  #callWith(
    operation: DirectoryOperation & { readonly bytes: Uint8Array<ArrayBuffer> },
  ): Promise<DirectoryValue> {
    return this.#call(operation, [operation.bytes.buffer]);
  }

  #call(operation: DirectoryOperation, moved: ArrayBuffer[] = []): Promise<DirectoryValue> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, operation }, moved);
    });
  }

  #settle(reply: DirectoryReply): void {
    const call = this.#pending.get(reply.id);
    assert(call !== undefined, () => `the commit log's thread answered unknown call ${reply.id}`);
    this.#pending.delete(reply.id);
    if (reply.kind === "done") call.resolve(reply.value);
    else call.reject(Object.assign(new Error(reply.message), { code: reply.code }));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}

/** Bytes in memory of their own, which can be moved to the worker; copied only if they share it. */
function owned(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isAlone ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

function asBuffer(value: DirectoryValue): Buffer {
  assert(value instanceof Uint8Array, "bytes of a file");
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
