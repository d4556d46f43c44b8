/** Scripts of what the store held and what the log said, and what recovery makes of them. */
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStoreDisk } from "../checkpoint-store/testing/memory-checkpoint-store.ts";
import type { CheckpointStore, StoreOperation } from "../checkpoint-store/checkpoint-store.ts";
import type { LogDamage } from "../commit-log/commit-log.ts";
import type { LogRecord } from "../commit-log/records.ts";
import {
  replicaId,
  serverId,
  spaceId,
  tabletId,
  type LogIndex,
  type TabletId,
  type Term,
} from "../ids.ts";
import { nextMacrotask } from "../testing/macrotask.adapter.ts";
import { encodeGroupConfig } from "../raft/group-config-codec.ts";
import type { GroupConfig } from "../raft/group-config.ts";
import type { Entry } from "../raft/messages.ts";
import { SeededRandom } from "../random.ts";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { appliedStateKey, logStateKey, suspectKey } from "./host-keys.ts";
import { PayloadCache } from "./payload-cache.ts";
import { Recovery, type Recovered } from "./recovery.ts";
import {
  appliedStateOperation,
  encodeCreation,
  encodeInstallation,
  logStateOperation,
  type LogPosition,
} from "./replica-records.ts";
import { DamagedValueError } from "./sealed-value.ts";
import { SpaceLedger } from "./space-ledger.ts";
import { newRegisterState, registerKey, RegisterMachines } from "./testing/register-machine.ts";
import { tombstoneOperation } from "./tombstone.ts";

const TABLET = tabletId(7);
const one = replicaId(1);
const two = replicaId(2);
const three = replicaId(3);
const SERVER = serverId("00000000-0000-4000-8000-000000000001");
const config: GroupConfig = {
  voters: [{ replicaId: one, serverId: SERVER }],
  outgoing: [],
  learners: [],
};
const joint: GroupConfig = { ...config, outgoing: [{ replicaId: two, serverId: SERVER }] };
const at = (index: number, term: number): LogPosition => {
  return { index: index as LogIndex, term: term as Term };
};

let random: SeededRandom;
let clock: SimulatedClock;
let store: CheckpointStore;

beforeEach(async () => {
  random = new SeededRandom(1);
  clock = new SimulatedClock(random, nextMacrotask);
  store = await new MemoryStoreDisk({ clock, random }).open();
});

async function within<T>(done: Promise<T>): Promise<T> {
  let isSettled = false;
  const mark = (): void => {
    isSettled = true;
  };
  done.then(mark, mark);
  await clock.runUntil(() => isSettled, 10_000);
  return done;
}

/** What the store holds, and one batch of the log for each record. */
async function recover(
  held: readonly StoreOperation[],
  records: readonly LogRecord[],
  damage: readonly LogDamage[] = [],
): Promise<Recovered> {
  if (held.length > 0) await within(store.write(held));
  return replay(records, damage);
}

async function replay(
  records: readonly LogRecord[],
  damage: readonly LogDamage[] = [],
): Promise<Recovered> {
  const factory = new RegisterMachines(store);
  const cache = new PayloadCache(0);
  const recovery = await within(Recovery.begin({ store, factory, cache }));
  records.forEach((record, nth) => {
    const entries = record.kind === "entries" ? record.entries : [];
    const locations = entries.map(({ index, payload }) => {
      return { segment: nth + 1, offset: index, length: payload.length };
    });
    recovery.replay({ lsn: nth + 1, segment: nth + 1, record, locations });
  });
  return within(recovery.finish(damage));
}

const created = (id = one, space = 5): LogRecord => ({
  kind: "replica-created",
  tabletId: TABLET,
  replicaId: id,
  state: encodeCreation({
    nextSpace: space + 1,
    start: at(1, 1),
    config: { index: 1 as LogIndex, config },
    machineState: newRegisterState(spaceId(space)),
  }),
});

function entries(first: number, count: number, term: number, id = one): LogRecord {
  const list = Array.from({ length: count }, (_, nth): Entry => {
    const { index } = at(first + nth, term);
    return { index, term: term as Term, kind: "command", payload: Buffer.from("x") };
  });
  return { kind: "entries", tabletId: TABLET, replicaId: id, entries: list };
}

const hardState = (term: number, commit: number, id = one): LogRecord => ({
  kind: "hard-state",
  tabletId: TABLET,
  replicaId: id,
  hardState: { term: term as Term, vote: id, commit: commit as LogIndex },
});

const installed = (index: number, garbage: number, space = 9): LogRecord => ({
  kind: "snapshot-installed",
  tabletId: TABLET,
  replicaId: one,
  index: index as LogIndex,
  term: 4,
  state: encodeInstallation({
    space: spaceId(space),
    garbage,
    config: { index: 30 as LogIndex, config },
    machineState: newRegisterState(spaceId(space)),
  }),
});

const tombstone = (id = one): LogRecord => ({
  kind: "tombstone",
  tabletId: TABLET,
  replicaId: id,
  state: Buffer.alloc(0),
});

const applied = (index: number, term: number, space = 5, id = one): StoreOperation =>
  appliedStateOperation(TABLET, {
    ...at(index, term),
    replicaId: id,
    machineState: newRegisterState(spaceId(space)),
  });

const logState = (
  truncated: LogPosition,
  commit = truncated.index,
  tablet = TABLET,
): StoreOperation =>
  logStateOperation(tablet, {
    replicaId: one,
    hardState: { term: truncated.term, vote: null, commit },
    truncated,
    config: { index: 1 as LogIndex, config },
  });

const damageOf = (lost: [number, number], names: LogDamage["replicas"]): LogDamage => {
  const [from, to] = lost;
  return { segment: 1, detail: "a flipped bit", lost: { from, to }, replicas: names };
};

function only(recovered: Recovered): Recovered["replicas"][number] {
  expect(recovered.suspects).toEqual([]);
  expect(recovered.replicas).toHaveLength(1);
  return recovered.replicas[0] as Recovered["replicas"][number];
}

describe("a replica that the store does not know", () => {
  test("comes back from its creation and what the log says behind it", async () => {
    const found = only(await recover([], [created(), hardState(2, 1), entries(2, 3, 2)]));
    expect(found).toMatchObject({ replicaId: one, applied: at(1, 1), truncated: at(1, 1) });
    expect(found.hardState).toEqual({ term: 2, vote: one, commit: 1 });
    expect(found.log.lastIndex).toBe(4);
    const [state] = await within(store.getMany([appliedStateKey(TABLET)]));
    expect(state).toBeDefined();
  });

  test("leaves its space out of the spaces that are handed out next", async () => {
    const recovered = await recover([], [created(one, 5)]);
    expect(recovered.ledger.takeSpace()).toBe(6);
  });
});

describe("the log over the store's state", () => {
  test("goes on behind what is applied, with the later record of an index in force", async () => {
    const records = [entries(9, 4, 3), entries(11, 1, 4), hardState(4, 10)];
    const found = only(await recover([applied(10, 3), logState(at(8, 3))], records));
    expect([found.log.firstIndex, found.log.lastIndex]).toEqual([9, 11]);
    expect(found.log.termOf(11)).toBe(4);
    expect(found.hardState.commit).toBe(10);
  });

  test("does not bring back entries that were replaced below the cut", async () => {
    const records = [entries(101, 5, 3), entries(98, 3, 4), hardState(4, 100)];
    const found = only(await recover([applied(100, 4), logState(at(100, 4))], records));
    expect(found.log.lastIndex).toBe(100);
  });

  test("knows every config behind the cut, and forgets one that was replaced", async () => {
    const withConfig = (index: number, term: number): LogRecord => {
      const entry: Entry = {
        ...at(index, term),
        kind: "config",
        payload: encodeGroupConfig(joint),
      };
      return { kind: "entries", tabletId: TABLET, replicaId: one, entries: [entry] };
    };
    const kept = only(await recover([], [created(), withConfig(2, 1), hardState(1, 1)]));
    expect(kept.configs.map(({ index }) => index)).toEqual([1, 2]);
    expect(kept.configs[1]?.config).toEqual(joint);
    const replaced = only(
      await replay([created(), withConfig(2, 1), entries(2, 1, 2), hardState(2, 1)]),
    );
    expect(replaced.configs.map(({ index }) => index)).toEqual([1]);
  });

  test("has a gap only if acknowledged entries are lost: then the replica is suspect", async () => {
    const records = [entries(12, 3, 3), hardState(3, 13)];
    const { replicas, suspects } = await recover([applied(10, 3), logState(at(8, 3))], records);
    expect(replicas).toEqual([]);
    expect(suspects).toMatchObject([{ replicaId: one, reason: expect.stringContaining("commit") }]);
  });

  test("that begins behind the state makes the replica suspect, not the process fail", async () => {
    const { suspects } = await recover([applied(10, 3), logState(at(20, 3), 10 as LogIndex)], []);
    expect(suspects).toMatchObject([{ reason: expect.stringContaining("begins behind 20") }]);
  });
});

describe("a snapshot's installation", () => {
  /** As the receiver leaves it: the staged space is on the garbage list. */
  function staged(): { operations: StoreOperation[]; garbage: number } {
    const ledger = new SpaceLedger({ nextSpace: 10, nextGarbage: 1 }, []);
    const ranges = new RegisterMachines(store).rangesOf(newRegisterState(spaceId(9)));
    const { garbage, operation } = ledger.discard(ranges);
    return { operations: [ledger.countersOperation(), operation], garbage: garbage.number };
  }

  test("whose switch the store lost is rolled forward, and only the old data is garbage", async () => {
    const { operations, garbage } = staged();
    const held = [...operations, applied(10, 3), logState(at(8, 3))];
    const records = [entries(9, 4, 3), installed(40, garbage), hardState(4, 40), entries(41, 2, 4)];
    const first = await recover(held, records);
    const found = only(first);
    expect(found).toMatchObject({ applied: at(40, 4), truncated: at(40, 4) });
    expect(found.machineState).toEqual(newRegisterState(spaceId(9)));
    expect(found.configs[0]).toEqual({ index: 30, config });
    expect(found.log.lastIndex).toBe(42);
    const old = new RegisterMachines(store).rangesOf(newRegisterState(spaceId(5)));
    const collectable = first.ledger.nextCollectable();
    expect(collectable?.ranges).toEqual(old);
    if (collectable !== null) first.ledger.remove(collectable.number);
    expect(first.ledger.nextCollectable()).toBeNull();

    // A crash behind this recovery: the next one finds the same, and discards nothing twice.
    const second = await replay(records);
    expect(only(second)).toMatchObject({ applied: at(40, 4), truncated: at(40, 4) });
    expect(second.ledger.nextCollectable()?.ranges).toEqual(old);
  });

  test("voids the entries logged before it, also where the store knows of a later cut", async () => {
    const held = [applied(50, 4, 9), logState(at(45, 4))];
    const records = [entries(30, 30, 3), installed(40, 1), entries(41, 10, 4), hardState(4, 50)];
    const found = only(await recover(held, records));
    expect([found.log.firstIndex, found.log.lastIndex]).toEqual([46, 50]);
    expect(found.log.termOf(46)).toBe(4);
  });

  test("of a replica that was destroyed behind it leaves the staged data to the garbage list", async () => {
    const { operations, garbage } = staged();
    const held = [...operations, applied(10, 3), logState(at(8, 3))];
    const records = [entries(9, 2, 3), installed(40, garbage), tombstone()];
    const { replicas, suspects, ledger } = await recover(held, records);
    expect([replicas, suspects]).toEqual([[], []]);
    const spaces = new Set<string>();
    for (let each = ledger.nextCollectable(); each !== null; each = ledger.nextCollectable()) {
      spaces.add(JSON.stringify(each.ranges));
      ledger.remove(each.number);
    }
    expect(spaces.size).toBe(2);
  });
});

describe("a tombstone", () => {
  test("buries the replica and its data, whether or not the store has heard of it", async () => {
    const records = [created(), entries(2, 2, 1), tombstone()];
    const first = await recover([], records);
    expect([first.replicas, first.suspects]).toEqual([[], []]);
    expect(first.tombstones.get(TABLET)).toBe(one);
    const again = await replay(records);
    expect([again.replicas, again.suspects]).toEqual([[], []]);
    const [state] = await within(store.getMany([appliedStateKey(TABLET)]));
    expect(state).toBeUndefined();
  });

  test("does not touch a later replica of the tablet", async () => {
    const records = [created(one, 5), tombstone(one), created(two, 6), entries(2, 2, 1, two)];
    const found = only(await recover([], records));
    expect(found).toMatchObject({ replicaId: two });
    expect(found.machineState).toEqual(newRegisterState(spaceId(6)));
    expect(only(await replay(records)).log.lastIndex).toBe(3);
  });

  test("in the store silences every older record of the replica", async () => {
    const records = [created(), entries(2, 2, 1), hardState(1, 2)];
    const { replicas, suspects } = await recover([tombstoneOperation(TABLET, two)], records);
    expect([replicas, suspects]).toEqual([[], []]);
  });
});

describe("damage", () => {
  test("makes the named replica suspect, durably, and no other", async () => {
    const other = tabletId(8);
    const records: LogRecord[] = [created(), { ...created(two, 6), tabletId: other }];
    const damage = damageOf([3, 4], [{ tabletId: TABLET, replicaId: one }]);
    const { replicas, suspects } = await recover([], records, [damage]);
    expect(replicas.map(({ tabletId: tablet }) => tablet)).toEqual([other]);
    expect(suspects).toMatchObject([{ tabletId: TABLET, replicaId: one, reason: "a flipped bit" }]);
    // The damaged segment is freed in the end; the mark stays.
    const again = await replay(records.slice(1));
    expect(again.suspects).toMatchObject([{ tabletId: TABLET, replicaId: one }]);
    expect(again.replicas).toHaveLength(1);
  });

  test("that names nobody concerns every replica that existed then, and none created later", async () => {
    const later = { ...created(two, 6), tabletId: tabletId(8) };
    const records = [created(), later];
    const { replicas, suspects } = await recover([], records, [damageOf([1, 2], null)]);
    expect(suspects.map(({ replicaId: id }) => id)).toEqual([one]);
    expect(replicas.map(({ replicaId: id }) => id)).toEqual([two]);
  });

  test("that took a replica's creation leaves a suspect: the replica may have voted", async () => {
    const named = damageOf([1, 2], [{ tabletId: TABLET, replicaId: one }]);
    const { suspects } = await recover([], [], [named]);
    expect(suspects).toMatchObject([{ tabletId: TABLET, replicaId: one, machineState: null }]);
    const [mark] = await within(store.getMany([suspectKey(TABLET)]));
    expect(mark).toBeDefined();
    expect((await replay([])).suspects).toHaveLength(1);
  });

  test("that took a creation and named nobody shows in the records behind it", async () => {
    const { suspects, replicas } = await recover([], [hardState(3, 0)], [damageOf([1, 2], null)]);
    expect(replicas).toEqual([]);
    expect(suspects).toMatchObject([{ tabletId: TABLET, replicaId: one }]);
  });

  test("is over with the replica's tombstone", async () => {
    const damage = damageOf([2, 3], [{ tabletId: TABLET, replicaId: one }]);
    const records = [created(), hardState(2, 1), tombstone(), created(three, 6)];
    const found = only(await recover([], records, [damage]));
    expect(found.replicaId).toBe(three);
  });

  test("of a replica's own record in the store makes it suspect, even if the log has its creation", async () => {
    await within(store.write([applied(1, 1)]));
    const [value] = await within(store.getMany([appliedStateKey(TABLET)]));
    const flipped = Buffer.from(value ?? Buffer.alloc(0));
    flipped[10] = (flipped[10] ?? 0) ^ 1;
    await within(store.write([{ type: "put", key: appliedStateKey(TABLET), value: flipped }]));
    const { replicas, suspects } = await replay([created(), entries(2, 2, 1)]);
    expect(replicas).toEqual([]);
    expect(suspects).toMatchObject([{ tabletId: TABLET, replicaId: one }]);
  });

  describe("that hides which data a replica has", () => {
    const [other, data] = [tabletId(8), spaceId(5)];
    const dataKey = registerKey(data, Buffer.from("k"));
    const row = { type: "put", key: dataKey, value: Buffer.of(1) } as const;
    const unreadable = (tablet: TabletId): StoreOperation => {
      return { type: "put", key: appliedStateKey(tablet), value: Buffer.alloc(40) };
    };
    const logOf = (tablet: TabletId): StoreOperation => logState(at(8, 3), at(8, 3).index, tablet);
    const isListed = ({ ledger }: Recovered): boolean =>
      ledger.ranges.some(
        ({ start, end }) => start.compare(dataKey) <= 0 && dataKey.compare(end) < 0,
      );

    test("does not keep that data for ever: once the replica is gone, it is garbage", async () => {
      const held = [unreadable(TABLET), logOf(TABLET), row];
      expect(isListed(await recover(held, []))).toBe(false);
      expect(isListed(await replay([tombstone()]))).toBe(true);
      expect(isListed(await replay([]))).toBe(true);
    });

    test("keeps it as long as it may be that of another such replica", async () => {
      const held = [TABLET, other].flatMap((tablet) => [unreadable(tablet), logOf(tablet)]);
      expect(isListed(await recover([...held, row], [tombstone()]))).toBe(false);
      expect(isListed(await replay([]))).toBe(false);
      expect(isListed(await replay([{ ...tombstone(), tabletId: other }]))).toBe(true);
    });

    test("takes nothing from replicas that are whole", async () => {
      const held = [unreadable(other), logOf(other), applied(8, 3), logState(at(8, 3)), row];
      const found = await recover(held, [{ ...tombstone(), tabletId: other }]);
      expect(only(found).replicaId).toBe(one);
      expect(isListed(found)).toBe(false);
    });
  });

  test("of records that nobody can attribute refuses the start", async () => {
    const broken = (key: Buffer): StoreOperation => ({ type: "put", key, value: Buffer.alloc(40) });
    const held = [broken(appliedStateKey(TABLET)), broken(logStateKey(TABLET))];
    await expect(recover(held, [])).rejects.toBeInstanceOf(DamagedValueError);
  });
});
