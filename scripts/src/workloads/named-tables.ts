/**
 * Tables that are created, written, dropped, and created again under the same names. `table-lives.ts` judges.
 *
 * N1. One caller at a time creates or drops a name; the others read and write rows meanwhile.
 * N2. A creation or drop whose outcome is not known is asked for again under its Idempotency-Key until it is done:
 *     only then does the name go on.
 */
import type { Random } from "@stele/shared/random.ts";
import type { Closing } from "./closing.ts";
import { Patience } from "./patience.ts";
import type { TableAnswer } from "./store-client.ts";
import { TableLives } from "./table-lives.ts";
import type { TableWrite } from "./table-lives.ts";
import type { Caller, Mark, Workload, WorkloadProblem } from "./workload.ts";
import { COLUMNS, set, write } from "./writes.ts";

interface NamedTable {
  readonly name: string;
  readonly lives: TableLives;
  /** "creating", "dropping": asked for, and not known to be done. */
  state: "absent" | "creating" | "present" | "dropping";
  isBusy: boolean;
  attempts: number;
  splitKeys: readonly string[];
  /** Rows written in this life. */
  rows: number;
}

export interface NamedTablesParts {
  readonly names: number;
  readonly random: Random;
  readonly patienceMs: number;
  readonly mark: Mark;
}

const SPLITS_MAX = 2;
/** Of eight steps, so many take the name further; the others are on its rows, also while it has none. */
const ADVANCES = { absent: 2, creating: 5, present: 1, dropping: 5 } as const;

export class NamedTables implements Workload {
  readonly #tables: readonly NamedTable[];
  readonly #random: Random;
  readonly #patience: Patience;
  readonly #mark: Mark;
  readonly #problems: WorkloadProblem[] = [];
  #events = 0;

  constructor({ names, random, patienceMs, mark }: NamedTablesParts) {
    this.#tables = Array.from({ length: names }, (_, at) => ({
      name: `named-${at}`,
      lives: new TableLives(`named-${at}`),
      state: "absent" as const,
      isBusy: false,
      attempts: 0,
      splitKeys: [],
      rows: 0,
    }));
    this.#random = random;
    this.#patience = new Patience(random, patienceMs);
    this.#mark = mark;
  }

  async step(caller: Caller): Promise<void> {
    const table = this.#tables[this.#random.below(this.#tables.length)];
    if (table === undefined) return;
    const choice = this.#random.below(8);
    if (!table.isBusy && choice < ADVANCES[table.state]) {
      await this.#advance(caller, table);
    } else if (choice < 6) {
      await this.#write(caller, table);
    } else if (choice === 6) {
      await this.#get(caller, table);
    } else {
      await this.#scan(caller, table, null);
    }
  }

  async finish(closing: Closing): Promise<void> {
    for (const table of this.#tables) {
      if (table.state === "creating" || table.state === "dropping") {
        await closing.until(`${table.state} ${table.name}`, async (caller) => {
          await this.#advance(caller, table);
          return table.state === "present" || table.state === "absent" ? table : null;
        });
      }
      let start: string | null = null;
      await closing.until(`the last scan of ${table.name}`, async (caller) => {
        const end = await this.#scan(caller, table, start);
        start = end === "nowhere" || end === "everywhere" ? start : end.resume;
        return end === "everywhere" ? end : null;
      });
    }
  }

  problems(): readonly WorkloadProblem[] {
    const found = this.#tables.flatMap(({ lives }) => lives.problems());
    return [
      ...this.#problems,
      ...found.map((detail) => ({ checker: "table contents", detail }) as const),
    ];
  }

  /** Begins what comes next for the name, or asks again for what was begun. */
  async #advance(caller: Caller, table: NamedTable): Promise<void> {
    if (table.state === "absent") this.#beginLife(table);
    else if (table.state === "present") this.#endLife(table);
    table.isBusy = true;
    table.attempts++;
    const isCreation = table.state === "creating";
    const answer = isCreation ? await this.#create(caller, table) : await this.#drop(caller, table);
    table.isBusy = false;
    if (answer.kind === "failed") this.#noteRefusal(caller, table, answer.code);
    if (answer.kind === "done") this.#noteDone(table);
  }

  #beginLife(table: NamedTable): void {
    const isAtNoTime = { created: Infinity, dropCalled: Infinity, dropped: Infinity };
    table.lives.lives.push({ createCalled: this.#now(), ...isAtNoTime });
    const splits = this.#random.below(SPLITS_MAX + 1);
    table.splitKeys = Array.from({ length: splits }, (_, at) => `k${3 * (at + 1)}`);
    Object.assign(table, { state: "creating", attempts: 0, rows: 0 });
  }

  #endLife(table: NamedTable): void {
    const life = table.lives.lives.at(-1);
    if (life !== undefined) life.dropCalled = this.#now();
    Object.assign(table, { state: "dropping", attempts: 0 });
  }

  #create({ client }: Caller, table: NamedTable): Promise<TableAnswer> {
    const request = `create-${table.name}-${table.lives.lives.length}`;
    const { splitKeys } = table;
    return client.createTable(table.name, { ...this.#patience.call(), splitKeys, request });
  }

  #drop({ client }: Caller, table: NamedTable): Promise<TableAnswer> {
    const request = `drop-${table.name}-${table.lives.lives.length}`;
    return client.dropTable(table.name, { ...this.#patience.call(), request });
  }

  /** Under its key, neither can be in its own way. */
  #noteRefusal({ name: client }: Caller, { name, state }: NamedTable, code: string): void {
    const isWrong =
      code === "IDEMPOTENCY_MISMATCH" ||
      code === "TABLE_NOT_FOUND" ||
      (state === "creating" && code === "TABLE_EXISTS");
    if (!isWrong) return;
    const detail = `${client} was answered ${code} when ${state} ${name}`;
    this.#problems.push({ checker: "table contents", detail });
  }

  #noteDone(table: NamedTable): void {
    const { lives } = table.lives;
    const life = lives.at(-1);
    if (life === undefined) return;
    const isRetry = table.attempts > 1;
    if (table.state === "creating") {
      life.created = this.#now();
      table.state = "present";
      this.#mark("table created");
      if (isRetry) this.#mark("table created by a retry");
      if (lives.length > 1) this.#mark("table created under an old name");
    } else {
      life.dropped = this.#now();
      table.state = "absent";
      this.#mark("table dropped");
      if (isRetry) this.#mark("table dropped by a retry");
    }
  }

  async #write({ client, name }: Caller, table: NamedTable): Promise<void> {
    const key = `k${table.rows++}`;
    const value = JSON.stringify(`${table.name}-${this.#now()}`);
    const called = this.#now();
    const noted: TableWrite = {
      client: name,
      key,
      value,
      called,
      returned: Infinity,
      outcome: "unknown",
    };
    table.lives.writes.push(noted);
    const call = { ...this.#patience.call(), request: null };
    const answer = await client.write(table.name, write(key, [set(value)]), call);
    if (answer === null) return;
    noted.returned = this.#now();
    if (answer.kind === "written") noted.outcome = "acknowledged";
    else noted.outcome = this.#isNoTable(answer.code) ? "no-table" : "refused";
  }

  async #get({ client, name }: Caller, table: NamedTable): Promise<void> {
    const key = `k${this.#random.below(table.rows + 1)}`;
    const called = this.#now();
    const operation = { kind: "get", key, columns: null } as const;
    const answer = await client.get(table.name, operation, this.#patience.call());
    const read = { client: name, called, returned: this.#now(), covers: isKey(key) };
    if (answer?.kind === "read") {
      const { row } = answer;
      const rows = new Map(row === null ? [] : [[key, valueOf(row.columns)]]);
      table.lives.reads.push({ ...read, rows });
    } else if (answer !== null && this.#isNoTable(answer.code)) {
      table.lives.reads.push({ ...read, rows: null });
    }
  }

  /** How far it came; a table that is not there is read at once. */
  async #scan(
    { client, name }: Caller,
    table: NamedTable,
    start: string | null,
  ): Promise<"nowhere" | "everywhere" | { readonly resume: string }> {
    const called = this.#now();
    const operation = { kind: "scan", start, end: null, reverse: false, columns: null } as const;
    const answer = await client.scan(table.name, operation, this.#patience.call());
    if (answer === null) return "nowhere";
    const read = { client: name, called, returned: this.#now() };
    if (answer.kind === "scanned") {
      const { resume } = answer;
      const rows = new Map(answer.rows.map(({ key, columns }) => [key, valueOf(columns)]));
      const covers = (key: string): boolean =>
        (start === null || key >= start) && (resume === null || key < resume);
      table.lives.reads.push({ ...read, rows, covers });
      return resume === null ? "everywhere" : { resume };
    }
    if (!this.#isNoTable(answer.code)) return "nowhere";
    table.lives.reads.push({ ...read, rows: null, covers: () => false });
    return "everywhere";
  }

  #isNoTable(code: string): boolean {
    if (code !== "TABLE_NOT_FOUND") return false;
    this.#mark("dropped table refused a call");
    return true;
  }

  #now(): number {
    return this.#events++;
  }
}

function isKey(key: string): (other: string) => boolean {
  return (other) => other === key;
}

function valueOf(columns: ReadonlyMap<string, string> | null): string | null {
  return columns?.get(COLUMNS.value) ?? null;
}
