import { SeededRandom, type Random } from "@stele/shared/random.ts";
import { systemClock } from "@stele/shared/clock.ts";
import { MemoryStoreDisk } from "@stele/shared/checkpoint-store/testing/memory-checkpoint-store.ts";
import type { CheckpointStore } from "@stele/shared/checkpoint-store/checkpoint-store.ts";
import { logIndex, serverId, spaceId, term, type ServerId } from "@stele/shared/ids.ts";
import { compareRowKeys } from "@stele/shared/row-key.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Catalog } from "./catalog.ts";
import { CatalogMachine, catalogMachines, type CatalogWatcher } from "./catalog-machine.ts";
import { decodeCatalogState, encodeCatalogState, firstCatalogState } from "./catalog-state.ts";
import { checkCatalog } from "../testing/check-catalog.ts";
import { decodeCommands, encodeCommands, type Command, type CommandResult } from "./commands.ts";
import { decodeRow, encodeRow, type CatalogRow } from "./row-codec.ts";
import { membersOf } from "./rows.ts";

const CLUSTER = "3f0c1a52-9a76-4f7e-8a53-0c9f6a6f3f10";

class Loaded implements CatalogWatcher {
  catalogLoaded(): void {}
  catalogChanged(): void {}
  leadershipChanged(): void {}
  failed(error: unknown): void {
    throw error;
  }
}

async function openStore(random: Random): Promise<CheckpointStore> {
  return new MemoryStoreDisk({ clock: systemClock, random }).open();
}

/** One catalog replica on its own store, driven as the replication host drives it. */
class Replica {
  readonly machine: CatalogMachine;
  readonly store: CheckpointStore;
  #index: number;

  constructor(store: CheckpointStore, state: Buffer, index: number) {
    this.store = store;
    this.#index = index;
    this.machine = new CatalogMachine(
      { store, clock: systemClock },
      new Loaded(),
      decodeCatalogState(state),
    );
  }

  get index(): number {
    return this.#index;
  }

  get catalog(): Catalog {
    return this.machine.catalog;
  }

  async run(...commands: Command[]): Promise<readonly CommandResult[]> {
    const index = logIndex(++this.#index);
    const payload = encodeCommands({ atMicros: this.#index, commands });
    let results: readonly CommandResult[] = [];
    this.machine.proposals.add(index, term(1), {
      done: (result) => (results = result),
      lost: () => expect.unreachable(),
    });
    const batch = await this.machine.apply([{ index, term: term(1), payload }]);
    await this.store.write(batch.operations);
    batch.written();
    return results;
  }
}

/** Every row of a catalog, as it would be stored. */
function rowsOf(catalog: Catalog): string[] {
  const rows: CatalogRow[] = [
    ...[...catalog.tables()].map((row): CatalogRow => ({ kind: "table", row })),
    ...[...catalog.tablets()].map((row): CatalogRow => ({ kind: "tablet", row })),
    ...[...catalog.servers()].map((row): CatalogRow => ({ kind: "server", row })),
    ...[...catalog.operations.all()].map((row): CatalogRow => ({ kind: "operation", row })),
    ...[...catalog.removed.all()].map((row): CatalogRow => ({ kind: "removed", row })),
  ];
  return rows.map((row) => `${row.kind} ${encodeRow(row).toString()}`).sort();
}

/** Draws commands that often fit the catalog and sometimes do not. */
class CommandSource {
  readonly #random: Random;
  readonly #servers: ServerId[];
  readonly #catalog: () => Catalog;

  constructor(random: Random, catalog: () => Catalog) {
    this.#random = random;
    this.#catalog = catalog;
    this.#servers = Array.from({ length: 7 }, () => serverId(random.uuid()));
  }

  next(): Command {
    const catalog = this.#catalog();
    const tablet = this.#pick([...catalog.tablets()]);
    const replacement = this.#pick([...catalog.operations.replacements()]);
    const table = this.#pick([...catalog.tables()]);
    switch (this.#random.below(14)) {
      case 0:
        return this.#createTable();
      case 1:
        return { kind: "drop-table", name: this.#name(), request: null };
      case 2:
      case 3:
        return this.#server("register-server");
      case 4:
        return this.#server("replace-server");
      case 5:
        return { kind: "mark-gone", serverId: this.#one(this.#servers) };
      case 6:
        if (tablet === undefined) break;
        return { kind: "observe-leader", tabletId: tablet.tabletId };
      case 7:
        if (tablet === undefined) break;
        return { kind: "observe-dropped", tabletId: tablet.tabletId };
      case 8: {
        const voter = this.#pick(tablet?.config.voters ?? []);
        if (tablet === undefined || voter === undefined) break;
        const { tabletId } = tablet;
        const onServer = this.#one(this.#servers);
        return { kind: "start-replacement", tabletId, lost: voter.replicaId, onServer, reason: "" };
      }
      case 9:
        if (replacement === undefined) break;
        return { kind: "abort-replacement", operationId: replacement.operationId, reason: "" };
      case 10:
        if (replacement === undefined) break;
        return { kind: "finish-replacement", operationId: replacement.operationId };
      case 11:
        return this.#observeConfig();
      case 12:
        if (table === undefined) break;
        return { kind: "forget-tablets", tableId: table.tableId, limit: 1 + this.#random.below(4) };
      default: {
        const removed = this.#pick([...catalog.removed.all()]);
        return { kind: "confirm-destroyed", replicas: removed ? [removed.replicaId] : [] };
      }
    }
    return this.#server("register-server");
  }

  #observeConfig(): Command {
    const row = this.#pick([...this.#catalog().operations.replacements()]);
    const tablet = row && this.#catalog().tablet(row.tabletId);
    if (row === undefined || tablet === undefined) return this.#createTable();
    const { tabletId, generation, config } = tablet;
    const others = config.voters.filter((voter) => voter.replicaId !== row.lost.replicaId);
    const configIndex = logIndex(tablet.configIndex + this.#random.below(3));
    const next = this.#one([
      { ...config, learners: [row.newcomer] },
      { voters: [...others, row.newcomer], outgoing: config.voters, learners: [] },
      { voters: [...others, row.newcomer], outgoing: [], learners: [] },
      { ...config, learners: [] },
    ]);
    return { kind: "observe-config", tabletId, generation, configIndex, config: next };
  }

  #createTable(): Command {
    const keys = new Set(
      Array.from({ length: this.#random.below(6) }, () => this.#random.bytes(2).toString("base64")),
    );
    const splitKeys = [...keys].sort((a, b) =>
      compareRowKeys(Buffer.from(a, "base64"), Buffer.from(b, "base64")),
    );
    const request = { key: `key${this.#random.below(5)}`, fingerprint: "" };
    return {
      kind: "create-table",
      name: this.#name(),
      families: [{ name: "d", rule: { maxVersions: 1 } }],
      splitKeys,
      replicas: 3,
      deletionProtection: this.#random.below(8) === 0,
      servers: this.#servers,
      placements: [null, ...splitKeys].map((_key, at) => [at % 7, (at + 1) % 7, (at + 2) % 7]),
      request: this.#random.below(2) === 0 ? request : null,
    };
  }

  #server(kind: "register-server" | "replace-server"): Command {
    const at = this.#random.below(this.#servers.length);
    const old = this.#servers[at] as ServerId;
    const named = { name: `ts${at}`, url: `http://ts${at}`, announcedAtMicros: 0 };
    if (kind === "register-server") return { kind, serverId: old, ...named };
    const replacement = serverId(this.#random.uuid());
    this.#servers[at] = replacement;
    return { kind, old, serverId: replacement, ...named };
  }

  #name(): string {
    return `t${this.#random.below(4)}`;
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)] as T;
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : this.#one(items);
  }
}

describe("the catalog as a state machine", () => {
  test("random commands keep ids unique and tables tiled, and a restored copy equals memory", async () => {
    for (let seed = 1; seed <= 60; seed++) await runCommands(seed);
  });

  test("a request key finds its call again, and another request under it is refused", async () => {
    const replica = await newReplica(new SeededRandom(1));
    const source = ["1", "2", "3"].map((name) => serverId(new SeededRandom(+name).uuid()));
    for (const [at, id] of source.entries()) {
      await replica.run({
        kind: "register-server",
        serverId: id,
        name: `ts${at}`,
        url: "",
        announcedAtMicros: 0,
      });
    }
    const create = (fingerprint: string, key: string): Command => ({
      kind: "create-table",
      name: "users",
      families: [],
      splitKeys: [],
      replicas: 3,
      deletionProtection: false,
      servers: source,
      placements: [[0, 1, 2]],
      request: { key, fingerprint },
    });
    const [first] = await replica.run(create("a", "k1"));
    expect(first).toMatchObject({ kind: "operation" });
    expect(await replica.run(create("a", "k1"))).toEqual([first]);
    const refusals = [
      ...(await replica.run(create("b", "k1"))),
      ...(await replica.run(create("a", "k2"))),
    ];
    expect(refusals).toMatchObject([
      { kind: "refused", refusal: "IDEMPOTENCY_MISMATCH" },
      { kind: "refused", refusal: "TABLE_EXISTS" },
    ]);
  });
});

async function newReplica(random: Random): Promise<Replica> {
  const store = await openStore(random);
  const state = encodeCatalogState(firstCatalogState(spaceId(1), CLUSTER));
  const replica = new Replica(store, state, 0);
  await replica.machine.apply([]);
  return replica;
}

async function runCommands(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const replica = await newReplica(random);
  const source = new CommandSource(random, () => replica.catalog);
  const everAllocated = new Set<string>();
  for (let round = 0; round < 120; round++) {
    const before = replica.catalog.counters;
    await replica.run(...Array.from({ length: 1 + random.below(4) }, () => source.next()));
    checkCatalog(replica.catalog);
    const after = replica.catalog.counters;
    for (const kind of ["table", "tablet", "replica", "operation"] as const) {
      expect(after[kind]).toBeGreaterThanOrEqual(before[kind]);
    }
    for (const tablet of replica.catalog.tablets()) {
      for (const { replicaId, serverId: on } of membersOf(tablet.config)) {
        everAllocated.add(`${replicaId} ${tablet.tabletId} ${on}`);
      }
    }
  }
  const ids = [...everAllocated].map((text) => text.split(" ")[0]);
  expect(new Set(ids).size, "C1: no replica id names two replicas").toBe(ids.length);
  const restored = await copyBySnapshot(replica, random);
  expect(rowsOf(restored.catalog)).toEqual(rowsOf(replica.catalog));
  expect(restored.catalog.counters).toEqual(replica.catalog.counters);
  checkCatalog(restored.catalog);
  const next = Array.from({ length: 10 }, () => source.next());
  expect(await restored.run(...next)).toEqual(await replica.run(...next));
  expect(rowsOf(restored.catalog)).toEqual(rowsOf(replica.catalog));
}

/** Streams one replica's ranges into a fresh space of another store, as a snapshot does. */
async function copyBySnapshot(from: Replica, random: Random): Promise<Replica> {
  const store = await openStore(random);
  const machines = catalogMachines({ store: from.store, clock: systemClock }, () => new Loaded());
  const space = spaceId(7);
  for (const range of machines.rangesOf(from.machine.encodeState())) {
    const rows = from.store.iterate({ ...range, reverse: false });
    for (;;) {
      const chunk = await rows.next(100, 1 << 20);
      if (chunk.length === 0) break;
      await store.write(
        chunk.map(([key, value]) => ({
          type: "put",
          key: machines.storeKey(space, machines.relativeKey(key)),
          value,
        })),
      );
    }
    await rows.close();
  }
  const state = machines.stateAfterSnapshot(from.machine.encodeState(), space);
  const replica = new Replica(store, state, from.index);
  await replica.machine.apply([]);
  return replica;
}

describe("catalog codecs", () => {
  const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const member = fc.tuple(id, fc.uuid());
  const members = fc.array(member, { maxLength: 5 });

  test("a tablet row reads back as it was written", () => {
    const key = fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }));
    const arbitrary = fc.record({ id, members, start: key, end: key, first: fc.boolean() });
    fc.assert(
      fc.property(arbitrary, ({ id: number, members: list, start, end, first }) => {
        const voters = list.map(([replicaId, server]) => ({ replicaId, serverId: server }));
        const config = { voters, outgoing: voters.slice(1), learners: voters.slice(2) };
        const row = {
          tabletId: number,
          tableId: number,
          range: { start: start && Buffer.from(start), end: end && Buffer.from(end) },
          generation: 3,
          configIndex: number,
          config,
          first: first ? { config, leader: number, unseen: [number] } : null,
          state: "ready",
        };
        const entry = { kind: "tablet", row } as unknown as CatalogRow;
        expect(decodeRow("tablet", encodeRow(entry), new Map())).toEqual(entry);
      }),
    );
  });

  test("bytes that are no row or no batch are refused, never taken for one", () => {
    const rowKind = fc.constantFrom("tablet" as const, "removed" as const, "server" as const);
    fc.assert(
      fc.property(rowKind, fc.json(), (kind, text) => {
        expect(() => decodeRow(kind, Buffer.from(text), new Map())).toThrow();
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => decodeCommands(Buffer.from(text))).toThrow();
      }),
    );
  });

  test("the first state of a catalog reads back", () => {
    const state = firstCatalogState(spaceId(5), CLUSTER);
    expect(decodeCatalogState(encodeCatalogState(state))).toEqual(state);
  });
});
