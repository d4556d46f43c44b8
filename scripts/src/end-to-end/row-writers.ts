// Clients that write for as long as a test runs and remember what was acknowledged.
//
// W1. Each row has one writer, which writes 1, 2, 3, ... and waits for each answer; so the row's value
//     tells exactly which write it saw last.
// W2. A write without a success may have taken effect, now or later: its value is allowed, not due.
import { setTimeout as sleep } from "node:timers/promises";
import type { Reply, Rest } from "./rest.ts";

interface Row {
  readonly key: string;
  acknowledged: number;
  /** How many were acknowledged. */
  writes: number;
  readonly uncertain: Set<number>;
}

export interface Refusal {
  readonly status: number;
  readonly text: string;
}

const COLUMN = "d:n";
const RETRY_MS = 20;
const READ_WITHIN_MS = 20_000;

export class RowWriters {
  readonly #rest: Rest;
  readonly #table: string;
  readonly #rows: readonly Row[];
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;
  /** Answers other than success, and broken connections (status 0). */
  readonly refusals: Refusal[] = [];

  constructor(rest: Rest, { table, keys }: { table: string; keys: readonly string[] }) {
    this.#rest = rest;
    this.#table = table;
    this.#rows = keys.map((key) => ({ key, acknowledged: 0, writes: 0, uncertain: new Set() }));
    this.#ended = Promise.all(this.#rows.map((row) => this.#write(row)));
  }

  /** A condition to wait for: from now on, every row was written `times` more times. */
  eachTakes(times: number): () => Promise<boolean> {
    const due = this.#rows.map((row) => ({ row, writes: row.writes + times }));
    return async () => due.every(({ row, writes }) => row.writes >= writes);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  /**
   * Rows whose value is neither the last acknowledged nor one whose fate is uncertain. Waits for tablets that still
   * elect a leader: what may be lost is asked here, not how soon it can be read.
   */
  async lost(): Promise<string[]> {
    const lost: string[] = [];
    for (const row of this.#rows) {
      const reply = await this.#read(row);
      if (reply.status !== 200 && reply.status !== 404) throw new Error(reply.text);
      const { columns = {} } = reply.json<{ columns?: Record<string, string> }>();
      const value = Number(columns[COLUMN] ?? 0);
      if (value === row.acknowledged || row.uncertain.has(value)) continue;
      lost.push(`${row.key} reads ${value}, acknowledged was ${row.acknowledged}`);
    }
    return lost;
  }

  async #read({ key }: Row): Promise<Reply> {
    const patience = AbortSignal.timeout(READ_WITHIN_MS);
    for (;;) {
      const reply = await this.#rest.get(`/tables/${this.#table}/rows/${key}`);
      if (reply.status !== 503 || patience.aborted) return reply;
      await sleep(RETRY_MS);
    }
  }

  async #write(row: Row): Promise<void> {
    const path = `/tables/${this.#table}/rows/${row.key}`;
    for (let value = 1; !this.#stop.signal.aborted; value++) {
      const refusal = await this.#put(path, value);
      if (refusal === null) {
        row.writes++;
        row.acknowledged = value;
      } else {
        this.refusals.push(refusal);
        row.uncertain.add(value);
        await sleep(RETRY_MS);
      }
    }
  }

  async #put(path: string, value: number): Promise<Refusal | null> {
    try {
      const reply = await this.#rest.put(path, { columns: { [COLUMN]: String(value) } });
      if (reply.status === 200 || reply.status === 201) return null;
      return { status: reply.status, text: reply.text };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }
}
