/**
 * Histories of a naive table under concurrent clients, from a seed: calls, effects and returns come in a
 * random order; some answers are lost, and their effects come late or never; some of those are sent again.
 * Without a fault such a history is linearizable by construction.
 */
import type { Random } from "@stele/shared/random.ts";
import { SeededRandom } from "@stele/shared/random.ts";
import { HistoryRecorder } from "../history/history-recorder.ts";
import type { OpenCall } from "../history/history-recorder.ts";
import type {
  Expected,
  RecordedOperation,
  RowMutation,
  RowOperation,
  RowOutcome,
  ScannedOutcome,
  WriteOperation,
} from "../history/row-operation.ts";
import { NaiveTable } from "./naive-table.ts";
import type { Fault } from "./naive-table.ts";

export interface HistoryShape {
  readonly seed: number;
  readonly keys: number;
  readonly clients: number;
  readonly operations: number;
  /** Writes without an answer, at most so many a key. */
  readonly unknownsPerKey: number;
  /** "counters": increments and reads only. */
  readonly mix: "everything" | "counters";
  readonly fault: Fault | null;
}

export const CLEAN: HistoryShape = {
  seed: 1,
  keys: 10,
  clients: 5,
  operations: 200,
  unknownsPerKey: 3,
  mix: "everything",
  fault: null,
};

/** One operation on its way. */
interface Sent {
  readonly operation: RowOperation;
  readonly request: string | null;
  readonly open: OpenCall;
  outcome: RowOutcome | null;
}

/** What one client has under way: operations of one call, evaluated one after another. */
interface Call {
  readonly sent: readonly Sent[];
  evaluated: number;
}

export function generateHistory(shape: HistoryShape): RecordedOperation[] {
  return new Generator(shape).run();
}

const DELETE_ROW: RowMutation = { kind: "delete-row" };
const ROWS_A_STEP = 3;

class Generator {
  readonly #shape: HistoryShape;
  readonly #random: Random;
  readonly #table: NaiveTable;
  readonly #history: RecordedOperation[] = [];
  readonly #recorder: HistoryRecorder;
  readonly #calls: (Call | null)[];
  /** Nobody waits for these any more. */
  readonly #limbo: Call[] = [];
  readonly #again: { readonly operation: WriteOperation; readonly request: string }[] = [];
  readonly #unknowns = new Map<string, number>();
  /** By key: the version that somebody saw last. */
  readonly #seen = new Map<string, number | null>();
  #nowMs = 0;
  #begun = 0;
  #unique = 0;

  constructor(shape: HistoryShape) {
    this.#shape = shape;
    this.#random = new SeededRandom(shape.seed);
    this.#table = new NaiveTable(shape.fault);
    this.#calls = Array.from({ length: shape.clients }, () => null);
    this.#recorder = new HistoryRecorder({
      nowMs: () => this.#nowMs,
      record: (operation) => void this.#history.push(operation),
    });
  }

  run(): RecordedOperation[] {
    while (this.#begun < this.#shape.operations || this.#calls.some((call) => call !== null)) {
      // Several events fall into one millisecond.
      if (this.#random.below(3) === 0) this.#nowMs++;
      if (this.#random.below(12) === 0) this.#stepLimbo();
      else this.#stepClient(this.#random.below(this.#shape.clients));
    }
    return this.#history;
  }

  #stepClient(client: number): void {
    const call = this.#calls[client] ?? null;
    if (call === null) {
      if (this.#begun < this.#shape.operations) this.#calls[client] = this.#begin(`c${client}`);
    } else if (this.#random.below(40) === 0 && this.#mayBeLost(call)) {
      this.#calls[client] = null;
      this.#lose(call);
    } else if (call.evaluated < call.sent.length) {
      this.#evaluate(call);
    } else {
      this.#calls[client] = null;
      for (const { open, outcome } of call.sent) open.returned(outcome as RowOutcome);
    }
  }

  #stepLimbo(): void {
    const call = this.#limbo[this.#random.below(Math.max(1, this.#limbo.length))];
    if (call === undefined) return;
    if (call.evaluated < call.sent.length && this.#random.below(3) > 0) this.#evaluate(call);
    else this.#limbo.splice(this.#limbo.indexOf(call), 1);
  }

  #evaluate(call: Call): void {
    const sent = call.sent[call.evaluated] as Sent;
    const { operation, request } = sent;
    if (operation.kind === "scan") {
      const before = sent.outcome as ScannedOutcome | null;
      const chunk = this.#table.scan(before?.resume ?? operation.start, ROWS_A_STEP);
      sent.outcome = { ...chunk, rows: [...(before?.rows ?? []), ...chunk.rows] };
      if (chunk.resume === null) call.evaluated++;
      return;
    }
    sent.outcome =
      operation.kind === "get" ? this.#table.get(operation) : this.#table.write(operation, request);
    if (sent.outcome.kind === "read")
      this.#seen.set(operation.key, sent.outcome.row?.version ?? null);
    call.evaluated++;
  }

  #mayBeLost({ sent }: Call): boolean {
    const keys = sent.flatMap(({ operation }) =>
      operation.kind === "scan" ? [] : [operation.key],
    );
    return keys.every(
      (key) => (this.#unknowns.get(key) ?? 0) + keys.length <= this.#shape.unknownsPerKey,
    );
  }

  #lose(call: Call): void {
    for (const { operation, request, open } of call.sent) {
      open.unknown();
      if (operation.kind !== "write") continue;
      this.#unknowns.set(operation.key, (this.#unknowns.get(operation.key) ?? 0) + 1);
      if (request !== null) this.#again.push({ operation, request });
    }
    this.#limbo.push(call);
  }

  #begin(client: string): Call {
    const again = this.#random.below(2) === 0 ? this.#again.shift() : undefined;
    if (again !== undefined) {
      return {
        sent: [this.#send(client, again.operation, { request: again.request })],
        evaluated: 0,
      };
    }
    if (this.#shape.mix === "everything" && this.#random.below(15) === 0) {
      const id = `b${this.#unique++}`;
      const key = this.#key();
      const sent = [0, 1, 2].map((index) =>
        this.#send(client, this.#write(index === 1 ? this.#key() : key), { batch: { id, index } }),
      );
      return { sent, evaluated: 0 };
    }
    const operation = this.#operation();
    const hasRequest = operation.kind === "write" && this.#random.below(3) === 0;
    const ids = hasRequest ? { request: `q${this.#unique++}` } : {};
    return { sent: [this.#send(client, operation, ids)], evaluated: 0 };
  }

  #send(
    client: string,
    operation: RowOperation,
    ids: { request?: string; batch?: { id: string; index: number } },
  ): Sent {
    this.#begun++;
    const open = this.#recorder.begin({ client, operation, ...ids });
    return { operation, request: ids.request ?? null, open, outcome: null };
  }

  #operation(): RowOperation {
    const choice = this.#random.below(20);
    if (choice < 8) return { kind: "get", key: this.#key(), columns: null };
    if (choice === 8 && this.#shape.mix === "everything") {
      return { kind: "scan", start: null, end: null, reverse: false, columns: null };
    }
    return this.#write(this.#key());
  }

  #write(key: string): WriteOperation {
    const choice = this.#random.below(12);
    const set: RowMutation = { kind: "set", column: "d:v", value: `"v${this.#unique++}"` };
    const increment: RowMutation = { kind: "increment", column: "d:n", amount: "1" };
    const base = { kind: "write", key, expected: { kind: "anything" }, test: null } as const;
    if (this.#shape.mix === "counters" || choice < 3) return { ...base, mutations: [increment] };
    if (choice === 3) return { ...base, mutations: [DELETE_ROW] };
    if (choice < 6) return { ...base, mutations: [DELETE_ROW, set] };
    if (choice < 8) return { ...base, mutations: [set, increment] };
    return { ...base, expected: this.#expected(key), mutations: [set] };
  }

  #expected(key: string): Expected {
    const version = this.#seen.get(key) ?? null;
    return version === null ? { kind: "no-row" } : { kind: "version", version };
  }

  #key(): string {
    return `k${this.#random.below(this.#shape.keys)}`;
  }
}
