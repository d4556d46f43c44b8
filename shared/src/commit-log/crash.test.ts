// Random appends, crashes at random steps, random losses: the log gives back an exact prefix of what
// was written, with everything that was acknowledged.
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { SeededRandom } from "../random.ts";
import type { Random } from "../random.ts";
import { LogFailedError } from "./commit-log.ts";
import type { CommitLog, EntryAddress, OpenedLog, RecoveredRecord } from "./commit-log.ts";
import { BOUNDS_NAME, segmentName } from "./log-format.ts";
import {
  asRecovered,
  OWN_ID,
  entries,
  entry,
  hardState,
  tombstone,
} from "./testing/log-samples.ts";
import type { DiskStep } from "./testing/memory-log-disk.ts";
import { MemoryLogDisk } from "./testing/memory-log-disk.ts";
import { openCommitLog } from "./open-commit-log.ts";
import type { LogRecord } from "./records.ts";

const SEGMENT_BYTES = 24 * 1024;
const RUNS = 400;
const LIVES = 5;

/** One server's life after life on one disk, with a model of what its log must hold. */
class CrashingServer {
  readonly disk: MemoryLogDisk;
  readonly events = new Set<string>();
  readonly #random: Random;
  /** What was appended under each LSN, acknowledged or not; index 0 is LSN 1. */
  #written: (readonly LogRecord[])[] = [];
  #acknowledged = 0;
  /** Every LSN up to it may be gone from the log. */
  #freed = 0;
  #stepsToCrash = Number.POSITIVE_INFINITY;
  #crashed: () => void = () => undefined;
  #crashKind: "process" | "power" = "power";

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.disk = new MemoryLogDisk({
      random: this.#random,
      beforeStep: (step) => this.#maybeCrash(step),
    });
  }

  #maybeCrash(step: DiskStep): void {
    if (--this.#stepsToCrash > 0) return;
    this.#stepsToCrash = Number.POSITIVE_INFINITY;
    this.events.add(`crash before ${step}`);
    if (this.#crashKind === "power") this.disk.losePower();
    else this.disk.endProcess();
    this.#crashed();
  }

  /** Runs until the crash or, if none falls within it, to the end. */
  async live(stepsToCrash: number): Promise<void> {
    this.#crashKind = this.#random.below(3) === 0 ? "process" : "power";
    const crash = new Promise<void>((resolve) => {
      this.#crashed = resolve;
    });
    this.#stepsToCrash = stepsToCrash;
    if (this.#random.below(4) === 0) this.disk.failStep("sync", 1 + this.#random.below(20));
    await Promise.race([crash, this.#work()]);
    this.#stepsToCrash = Number.POSITIVE_INFINITY;
    this.disk.endProcess();
  }

  async #work(): Promise<void> {
    try {
      const opened = await this.open();
      this.check(opened);
      await this.checkPayloads(opened);
      for (let count = this.#random.below(25); count > 0; count--) await this.#act(opened.log);
      if (this.#random.below(2) === 0) await opened.log.close();
    } catch (error) {
      if (!(error instanceof LogFailedError)) throw error;
      this.events.add("disk failure");
    }
  }

  async #act(log: CommitLog): Promise<void> {
    const choice = this.#random.below(10);
    if (choice === 0) {
      const lsn = this.#acknowledged - this.#random.below(8);
      this.#freed = Math.max(this.#freed, lsn);
      if ((await log.freeThrough(lsn)) > 0) this.events.add("freed");
    } else if (choice <= 2) {
      log.noteIdle();
      log.noteIdle();
    } else {
      const records = this.#records();
      this.#written.push(records);
      const { lsn, segment } = await log.append(records);
      expect(lsn).toBe(this.#written.length);
      this.#acknowledged = lsn;
      if (segment > 1) this.events.add("rolled");
    }
  }

  #records(): LogRecord[] {
    const tablet = this.#random.below(5);
    const size = [0, 10, 700, 5000, 40_000][this.#random.below(5)] ?? 0;
    const list = Array.from({ length: 1 + this.#random.below(3) }, (_, nth) =>
      entry(1 + nth, this.#payload(size >> nth), nth === 1 ? "config" : "command"),
    );
    const records: LogRecord[] = [entries(tablet, ...list), hardState(tablet, 101)];
    if (this.#random.below(4) === 0) records.push(tombstone(tablet, "gone"));
    return records.slice(this.#random.below(2));
  }

  #payload(length: number): Buffer {
    return Buffer.alloc(length, this.#random.bytes(5));
  }

  open(): Promise<OpenedLog> {
    const directory = this.disk.openDirectory();
    const random = this.#random;
    return openCommitLog({ directory, serverId: OWN_ID, random, segmentBytes: SEGMENT_BYTES });
  }

  /** Also settles which unacknowledged batch became part of the log. */
  check(opened: OpenedLog): void {
    expect(opened.damage).toEqual([]);
    const segments = opened.log.segments();
    const names = segments.map(({ segment }) => segmentName(segment));
    expect(this.disk.fileNames()).toEqual([BOUNDS_NAME, ...names]);
    const first = segments[0]!.firstLsn;
    const last = segments.at(-1)!.lastLsn;
    expect(first).toBeLessThanOrEqual(this.#freed + 1);
    expect(last).toBeGreaterThanOrEqual(this.#acknowledged);
    expect(last).toBeLessThanOrEqual(this.#written.length);
    const expected = this.#written
      .slice(first - 1, last)
      .flatMap((records, nth) => records.map((record) => ({ lsn: first + nth, record })));
    const actual = opened.records.map(({ lsn, record }) => ({ lsn, record }));
    const recovered = expected.map(({ lsn, record }) => ({ lsn, record: asRecovered(record) }));
    // Much faster than toEqual on buffers, which then serves for the message.
    if (!isDeepStrictEqual(actual, recovered)) expect(actual).toEqual(recovered);
    if (last > this.#acknowledged) this.events.add("unacknowledged batch survived");
    if (last < this.#written.length) this.events.add("unacknowledged batch lost");
    if (opened.repairedTornTail) this.events.add("torn tail");
    this.#written.length = last;
    this.#acknowledged = last;
  }

  async checkPayloads({ log, records }: OpenedLog): Promise<void> {
    const found = records.flatMap(addressesOf);
    const payloads = await log.read(found.map(({ address }) => address));
    for (const [nth, { address, lsn }] of found.entries()) {
      const record = this.#written[lsn - 1]?.[0];
      const list = record?.kind === "entries" ? record.entries : [];
      const original = list.find(({ index }) => index === address.index);
      expect(payloads[nth]!.equals(original!.payload)).toBe(true);
    }
  }
}

function addressesOf({ lsn, record, locations }: RecoveredRecord): {
  lsn: number;
  address: EntryAddress;
}[] {
  if (record.kind !== "entries") return [];
  const { tabletId, replicaId } = record;
  return record.entries.map(({ index }, nth) => ({
    lsn,
    address: { tabletId, replicaId, index, location: locations[nth]! },
  }));
}

test("recovery gives an exact prefix with every acknowledged batch, after any crash", async () => {
  const events = new Set<string>();
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = new SeededRandom(seed);
    const server = new CrashingServer(seed);
    try {
      for (let life = 0; life < LIVES; life++) {
        // A short life ends within recovery: the crash after the crash.
        const steps = random.below(3) === 0 ? 1 + random.below(12) : 1 + random.below(120);
        await server.live(steps);
      }
      server.check(await server.open());
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    for (const event of server.events) events.add(event);
  }
  expect([...events].sort()).toEqual(
    [
      ...["create", "read", "remove", "rename", "sync", "sync-names", "write"].map(
        (step) => `crash before ${step}`,
      ),
      "disk failure",
      "freed",
      "rolled",
      "torn tail",
      "unacknowledged batch lost",
      "unacknowledged batch survived",
    ].sort(),
  );
}, 30_000);
