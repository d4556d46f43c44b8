/**
 * A server's data directory in the simulation: what of it outlives its processes.
 *
 * D1. A document is written some time after it was given, whole or not at all; a crash before that leaves the old
 *     one.
 * D2. Contents set aside, or a wiped disk, make new disks (`epoch`) and a new server id under the old name.
 */
import type { ZodType } from "zod";
import { assert } from "@stele/shared/assert.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { StoreLatency } from "@stele/shared/checkpoint-store/testing/store-latency.ts";
import { delay, type Clock } from "@stele/shared/clock.ts";
import { MemoryLogDisk } from "@stele/shared/commit-log/testing/memory-log-disk.ts";
import { serverId } from "@stele/shared/ids.ts";
import { AddressBook, type DurableAddressBook } from "@stele/shared/process/address-book.ts";
import { FORMAT_VERSION, type Identity } from "@stele/shared/process/identity.ts";
import type { DurableDocument, OwnDirectory } from "@stele/shared/process/server-world.ts";
import type { Random } from "@stele/shared/random.ts";
import type { ServerRole } from "@stele/shared/server-role.ts";
import type { AddressEntry } from "@stele/shared/wire/address-entry.ts";
import type { ServerDisks } from "./simulated-process.ts";

const DOCUMENT_MS_MAX = 8;

export interface DirectoryParts {
  readonly name: string;
  readonly role: ServerRole;
  readonly random: Random;
  /** Of the process that runs now; the time line's while none does. */
  readonly clock: Clock;
  readonly writeBufferBytes: number;
  /** Of its store; that of a front-end is never used. */
  readonly storeLatency?: StoreLatency | undefined;
  /** Told when the disks were replaced. */
  readonly replaced: () => void;
}

export class SimulatedDirectory {
  readonly #parts: DirectoryParts;
  /** By name, as JSON; what is durable. */
  readonly #documents = new Map<string, string>();
  #addresses: readonly AddressEntry[] = [];
  #identity: Identity;
  #isNew = true;
  #disks: ServerDisks;
  #epoch = 0;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    this.#identity = this.#mint(null);
    this.#disks = this.#newDisks();
  }

  get identity(): Identity {
    return this.#identity;
  }

  get disks(): ServerDisks {
    return this.#disks;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** For one process. */
  open(): OwnDirectory {
    const isNew = this.#isNew;
    this.#isNew = false;
    const identity = (): Identity => this.#identity;
    return {
      get identity() {
        return identity();
      },
      isNew,
      setClusterId: async (clusterId) => {
        const current = this.#identity.clusterId;
        assert(current === null || current === clusterId, "a server belongs to one cluster");
        await this.#writing();
        this.#identity = { ...this.#identity, clusterId };
      },
      setContentsAside: async () => {
        await this.#writing();
        this.#replace(this.#identity.clusterId);
        return "set aside";
      },
    };
  }

  openAddressBook(): DurableAddressBook {
    const book = new AddressBook();
    book.merge(this.#addresses);
    return {
      book,
      merge: async (entries) => {
        if (!book.merge(entries)) return;
        const merged = book.entries();
        await this.#writing();
        this.#addresses = merged;
      },
    };
  }

  document<T>(name: string, schema: ZodType<T>): DurableDocument<T> {
    return {
      read: async () => {
        const text = this.#documents.get(name);
        return text === undefined ? null : schema.parse(JSON.parse(text));
      },
      write: async (document) => {
        const text = JSON.stringify(document);
        await this.#writing();
        this.#documents.set(name, text);
      },
    };
  }

  /** Nothing is left. REQUIRES: no process has it open. */
  wipe(): void {
    this.#isNew = true;
    this.#replace(null);
  }

  /** D2. */
  #replace(clusterId: string | null): void {
    this.#documents.clear();
    this.#addresses = [];
    this.#identity = this.#mint(clusterId);
    this.#disks = this.#newDisks();
    this.#epoch++;
    this.#parts.replaced();
  }

  #mint(clusterId: string | null): Identity {
    const { name, role, random } = this.#parts;
    const id = serverId(random.uuid());
    return { serverId: id, role, name, clusterId, formatVersion: FORMAT_VERSION };
  }

  #writing(): Promise<void> {
    const { clock, random } = this.#parts;
    return delay(clock, 1 + random.below(DOCUMENT_MS_MAX));
  }

  #newDisks(): ServerDisks {
    const { clock, random, writeBufferBytes, storeLatency: latency } = this.#parts;
    return {
      log: new MemoryLogDisk({ random, clock, stepMs: () => 0.2 + random.below(2_000) / 1000 }),
      store: new MemoryStoreDisk({ clock, random, writeBufferBytes, latency }),
    };
  }
}
