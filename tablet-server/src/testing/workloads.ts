/**
 * What clients do in the simulation, and what each kind of work proves: registers are linearizable, counters count
 * every increment once, scans miss nothing that was there before.
 */
import type { SeededRandom } from "@stele/shared/random.ts";
import { keyAfter } from "@stele/shared/row-key.ts";
import type { ScanRequest, WriteOutcome, WriteResult } from "@stele/shared/row-operations.ts";
import type { Version } from "@stele/shared/ids.ts";
import type { Row } from "@stele/shared/row.ts";
import type { Outcome, RegisterOperation, RegisterStep } from "./register-history.ts";
import { ALL_CELLS, type RowClient } from "./row-client.ts";
import { DELETE_ROW, increment, rowWrite, set } from "./row-writes.ts";
import type { TabletCluster } from "./tablet-cluster.ts";

const PATIENCE_MS = 120_000;
const REGISTERS = ["r0", "r1", "r2"];
const COUNTERS = ["c0", "c1", "c2"];

interface ScannedRow {
  attemptedAtMs: number;
  acknowledgedAtMs: number;
  deleteAttemptedAtMs: number;
}

export class Workloads {
  readonly registers = new Map<string, RegisterOperation[]>();
  /** By row: increments that took effect once each, and those whose effect is unknown. */
  readonly counters = new Map<string, { counted: number; unknown: number }>();
  readonly scanned = new Map<string, ScannedRow>();
  operations = 0;
  replayed = 0;
  readonly #cluster: TabletCluster;
  readonly #random: SeededRandom;
  readonly #values = new Map<string, Set<bigint>>();
  #unique = 0;

  constructor(cluster: TabletCluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    for (const name of REGISTERS) this.registers.set(name, []);
    for (const name of COUNTERS) this.counters.set(name, { counted: 0, unknown: 0 });
  }

  /** One operation, chosen at random. */
  async step(client: RowClient): Promise<void> {
    this.operations++;
    switch (this.#random.below(12)) {
      case 0:
      case 1:
        return this.#read(client);
      case 2:
        return this.#put(client);
      case 3:
      case 4:
        return this.#compareAndSet(client);
      case 5:
        return this.#random.below(2) === 0 ? this.#insert(client) : this.#delete(client);
      case 6:
        return this.#count(client);
      case 7:
        return this.#countInBatch(client);
      case 8:
        return this.#countByKey(client);
      case 9:
        return this.#addScanned(client);
      case 10:
        return this.#deleteScanned(client);
      default:
        return this.#scan(client);
    }
  }

  /** Rows as they must be in the end. */
  checkFinal(rows: ReadonlyMap<string, Row>): void {
    for (const [name, { counted, unknown }] of this.counters) {
      const value = Number(rows.get(name)?.cells.find(isCount)?.value.readBigInt64BE() ?? 0n);
      if (value < counted || value > counted + unknown) {
        this.#violated(`${name} is ${value}: ${counted} counted, ${unknown} unknown`);
      }
    }
    for (const [key, row] of this.scanned) {
      const mustBe = row.acknowledgedAtMs < Infinity && row.deleteAttemptedAtMs === Infinity;
      if (mustBe && !rows.has(key)) this.#violated(`${key} was acknowledged and is gone`);
    }
  }

  // --- Registers ---

  async #read(client: RowClient): Promise<void> {
    const name = this.#any(REGISTERS);
    const startMs = this.#nowMs();
    const [row] = (await client.read([Buffer.from(name)], PATIENCE_MS))?.rows ?? [];
    if (row === undefined) return;
    const value = row?.cells[0]?.value.toString() ?? null;
    this.#record(name, startMs, { kind: "read", value, version: row?.version ?? null });
  }

  async #put(client: RowClient): Promise<void> {
    const name = this.#any(REGISTERS);
    const startMs = this.#nowMs();
    const value = this.#value();
    const outcome = await this.#one(client, rowWrite(name, [set("v", value)]), this.#patience());
    const version = outcome === null ? null : this.#done(outcome).version;
    this.#record(name, startMs, { kind: "put", value, version }, outcome !== null);
  }

  /** Reads, then sets if nobody else did. */
  async #compareAndSet(client: RowClient): Promise<void> {
    const name = this.#any(REGISTERS);
    const [row] = (await client.read([Buffer.from(name)], PATIENCE_MS))?.rows ?? [];
    if (row === undefined || row === null) return this.#insert(client);
    const expected = row.version;
    const startMs = this.#nowMs();
    const value = this.#value();
    const write = rowWrite(name, [set("v", value)], { conditions: { ifMatch: [expected] } });
    const outcome = this.#outcome(
      await this.#one(client, write, this.#patience()),
      "VERSION_MISMATCH",
    );
    const step = { kind: "compare-and-set", expected, value, outcome } as const;
    this.#record(name, startMs, step, outcome.kind !== "unknown");
    return undefined;
  }

  async #insert(client: RowClient): Promise<void> {
    const name = this.#any(REGISTERS);
    const startMs = this.#nowMs();
    const value = this.#value();
    const write = rowWrite(name, [set("v", value)], { conditions: { absent: true } });
    const outcome = this.#outcome(await this.#one(client, write, this.#patience()), "ROW_EXISTS");
    this.#record(name, startMs, { kind: "insert", value, outcome }, outcome.kind !== "unknown");
  }

  async #delete(client: RowClient): Promise<void> {
    const name = this.#any(REGISTERS);
    const startMs = this.#nowMs();
    const outcome = await this.#one(client, rowWrite(name, [DELETE_ROW]), this.#patience());
    this.#record(name, startMs, { kind: "delete" }, outcome !== null);
  }

  // --- Counters ---

  async #count(client: RowClient): Promise<void> {
    const name = this.#any(COUNTERS);
    const outcome = await this.#one(client, rowWrite(name, [increment("n")]), this.#patience());
    this.#counted(name, outcome);
  }

  /** Several rows in one call, one of them twice: in the order given. */
  async #countInBatch(client: RowClient): Promise<void> {
    const names = [...COUNTERS, this.#any(COUNTERS)];
    const writes = names.map((name) => rowWrite(name, [increment("n")]));
    const outcomes = await client.write(writes, this.#patience());
    names.forEach((name, at) => this.#counted(name, outcomes?.[at] ?? null));
    if (outcomes === null) return;
    const values = outcomes.map((outcome) => countOf(this.#done(outcome)));
    const first = values[names.indexOf(names.at(-1) as string)] as bigint;
    if ((values.at(-1) as bigint) <= first)
      this.#violated("a row's writes changed places in a call");
  }

  /** Sent as a new request under one Idempotency-Key until it is answered, and then once more. */
  async #countByKey(client: RowClient): Promise<void> {
    const name = this.#any(COUNTERS);
    const write = rowWrite(name, [increment("n")], { idempotencyKey: `key-${this.#unique++}` });
    let outcome: WriteOutcome | null = null;
    for (let attempt = 0; outcome === null && attempt < 20; attempt++) {
      outcome = await this.#one(client, write, 200 * 2 ** attempt);
    }
    this.#counted(name, outcome);
    if (outcome === null || this.#random.below(2) === 0) return;
    const again = await this.#one(client, write, PATIENCE_MS);
    if (again === null) return;
    const result = this.#done(again);
    this.replayed++;
    if (!result.replayed || countOf(result) !== countOf(this.#done(outcome))) {
      this.#violated(`an idempotent request was done twice: ${JSON.stringify(result)}`);
    }
  }

  #counted(name: string, outcome: WriteOutcome | null): void {
    const counter = this.counters.get(name) as { counted: number; unknown: number };
    if (outcome === null) {
      counter.unknown++;
      return;
    }
    counter.counted++;
    const value = countOf(this.#done(outcome));
    const values = this.#values.get(name) ?? new Set();
    if (values.has(value)) this.#violated(`two increments of ${name} gave ${value}`);
    this.#values.set(name, values.add(value));
  }

  // --- Scans ---

  async #addScanned(client: RowClient): Promise<void> {
    const key = `s/${this.#random.below(1000)}/${this.#unique++}`;
    const row = {
      attemptedAtMs: this.#nowMs(),
      acknowledgedAtMs: Infinity,
      deleteAttemptedAtMs: Infinity,
    };
    this.scanned.set(key, row);
    const outcome = await this.#one(client, rowWrite(key, [set("v", "x")]), this.#patience());
    if (outcome !== null) row.acknowledgedAtMs = this.#nowMs();
  }

  async #deleteScanned(client: RowClient): Promise<void> {
    const keys = [...this.scanned.keys()];
    if (keys.length < 5) return;
    const key = this.#any(keys);
    const row = this.scanned.get(key) as ScannedRow;
    row.deleteAttemptedAtMs = Math.min(row.deleteAttemptedAtMs, this.#nowMs());
    await this.#one(client, rowWrite(key, [DELETE_ROW]), this.#patience());
  }

  async #scan(client: RowClient): Promise<void> {
    const reverse = this.#random.below(2) === 0;
    const startMs = this.#nowMs();
    const keys: string[] = [];
    let start: Buffer | null = Buffer.from("s/");
    let end: Buffer | null = Buffer.from("s0");
    for (;;) {
      const limit = 1 + this.#random.below(20);
      const scan: ScanRequest = {
        start,
        end,
        reverse,
        limit,
        byteBudget: 1 + this.#random.below(600),
        projection: ALL_CELLS,
        countOnly: false,
      };
      const chunk = (await client.scan(scan, PATIENCE_MS))?.chunk;
      if (chunk === undefined) return;
      keys.push(...chunk.rows.map(({ key }) => key.toString()));
      if (chunk.rows.length > limit) this.#violated(`${chunk.rows.length} rows of ${limit}`);
      if (chunk.resume === null) break;
      if (reverse) end = chunk.resume;
      else start = chunk.resume;
    }
    this.#checkScan(reverse ? keys.toReversed() : keys, startMs);
  }

  #checkScan(keys: readonly string[], startMs: number): void {
    keys.forEach((key, at) => {
      const before = keys[at - 1];
      if (before !== undefined && before >= key) this.#violated(`${key} behind ${before}`);
      if (!this.scanned.has(key)) this.#violated(`${key} was never written`);
    });
    const found = new Set(keys);
    for (const [key, row] of this.scanned) {
      const mustBe = row.acknowledgedAtMs < startMs && row.deleteAttemptedAtMs === Infinity;
      if (mustBe && !found.has(key)) this.#violated(`a scan missed ${key}`);
    }
  }

  // --- Inside ---

  async #one(
    client: RowClient,
    write: Parameters<RowClient["write"]>[0][number],
    patienceMs: number,
  ): Promise<WriteOutcome | null> {
    const [outcome] = (await client.write([write], patienceMs)) ?? [];
    return outcome ?? null;
  }

  #record(name: string, startMs: number, step: RegisterStep, isKnown = true): void {
    const endMs = isKnown ? this.#nowMs() : Infinity;
    this.registers.get(name)?.push({ startMs, endMs, step });
  }

  #done(outcome: WriteOutcome): WriteResult {
    if (outcome.kind === "done") return outcome.result;
    this.#violated(`failed: ${JSON.stringify(outcome.error)}`);
    throw new Error("a write without condition failed");
  }

  #outcome(outcome: WriteOutcome | null, code: string): Outcome {
    if (outcome === null) return { kind: "unknown" };
    if (outcome.kind === "done")
      return { kind: "done", version: outcome.result.version as Version };
    if (outcome.error.code !== code) this.#violated(`failed: ${JSON.stringify(outcome.error)}`);
    return { kind: "refused", current: outcome.error.version ?? null };
  }

  /** Most wait until they know; some give up. */
  #patience(): number {
    return this.#random.below(8) === 0 ? 50 + this.#random.below(500) : PATIENCE_MS;
  }

  #value(): string {
    const length = this.#random.below(10) === 0 ? 5000 : 10;
    return `${this.#unique++}-${"x".repeat(length)}`;
  }

  #any<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T;
  }

  #nowMs(): number {
    return this.#cluster.clock.monotonicMs();
  }

  #violated(text: string): void {
    this.#cluster.violations.push(text);
  }
}

export async function allRows(client: RowClient): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  let start: Buffer | null = null;
  for (;;) {
    const scan: ScanRequest = {
      start,
      end: null,
      reverse: false,
      limit: 500,
      byteBudget: 1 << 20,
      projection: ALL_CELLS,
      countOnly: false,
    };
    const chunk = (await client.scan(scan, PATIENCE_MS))?.chunk;
    if (chunk === undefined) throw new Error("the final scan was not served");
    for (const row of chunk.rows) rows.set(row.key.toString(), row);
    if (chunk.resume === null) return rows;
    start = chunk.resume.equals(Buffer.of()) ? keyAfter(chunk.resume) : chunk.resume;
  }
}

function isCount({ qualifier }: Row["cells"][number]): boolean {
  return qualifier.toString() === "n";
}

function countOf(result: WriteResult): bigint {
  return result.computed[0]?.value.readBigInt64BE() ?? 0n;
}
